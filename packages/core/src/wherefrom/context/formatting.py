"""From texts and templates to the two beginnings of an output: with its context, and without."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from wherefrom.adapters import Encoding, SequenceModel
from wherefrom.context.documents import ContextText, Part, context_text, is_chat
from wherefrom.context.readings import Prefix
from wherefrom.context.templates import (
    Filled,
    Template,
    contextless_template,
    input_template,
    output_template,
)
from wherefrom.errors import InputError, WherefromWarning


@frozen(kw_only=True, eq=False)
class Texts:
    """What is asked about, as texts."""

    current: str
    context: Any = None
    """Input context: text, documents or chat."""
    output_context: str | None = None
    input_template: str | None = None
    output_template: str | None = None
    contextless_input_template: str | None = None
    contextless_output_template: str | None = None
    document_template: str = "{text}"
    document_separator: str = " "
    separator: str = " "
    """Decoder-only: what stands between input and output."""
    add_special_tokens: bool = True
    language: str | None = None


@frozen(kw_only=True, eq=False)
class Formatted:
    """Texts put into their templates."""

    full: Prefix
    """Before the output, with contexts; of an output context that is not known yet, what stands before it."""
    bare: Prefix
    """Before the output, without contexts."""
    bare_prefix: str
    """What the contextless output template puts before the output."""
    input_text: str | None
    """The input context's text; None without one."""
    input_filled: Filled | None
    output_template: Template
    parts: tuple[Part, ...]
    output_context: str | None

    @property
    def splits_output(self) -> bool:
        """Is the output's context still to be found in what the model says?"""
        return self.output_template.has_context and self.output_context is None


def formatted(model: SequenceModel, texts: Texts) -> Formatted:
    """Both beginnings.

    Raises:
        InputError: There is no current text, or no context at all.
        SettingsError: A template lacks a place.
    """
    if not texts.current.strip():
        raise InputError("The current text is empty. Give the text that the context is the context of.")
    chat = is_chat(texts.context)
    said = output_template(texts.output_template, has_context=texts.output_context is not None)
    output_context = texts.output_context
    if output_context is not None and not said.has_context:
        _dropped("output_context_text", said)
        output_context = None
    bare_input = contextless_template("contextless_input_current_text", texts.contextless_input_template)
    bare_output = contextless_template("contextless_output_current_text", texts.contextless_output_template)
    if chat:
        full, bare, parts, input_text, filled = _chats(model, texts)
    else:
        full, bare, parts, input_text, filled = _written(texts, bare_input)
    if input_text is None and not said.has_context:
        raise InputError(
            "There is no context, so nothing can depend on it. Give a context (context=..., --input-context-text, "
            "--documents), or an output_template with {context}."
        )
    if model.card.kind == "encoder-decoder":
        full, bare = as_source(full), as_source(bare)
    target = full.target_text
    before = said.text.split("{context}" if said.has_context else "{current}")[0]
    output_span = None
    if said.has_context and output_context is not None:
        put = said.fill(current="", context=output_context)
        joined = _joined(target, put.before_current, texts.separator) if model.card.kind == "decoder-only" else ""
        assert put.context is not None
        output_span = (len(target + joined) + put.context[0], len(target + joined) + put.context[1])
        target += joined + put.before_current
    else:
        target += _joined(target, before, texts.separator) if model.card.kind == "decoder-only" else ""
        target += before
    prefix = bare_output.text.split("{current}")[0]
    bare_target = bare.target_text
    bare_target += _joined(bare_target, prefix, texts.separator) if model.card.kind == "decoder-only" else ""
    return Formatted(
        full=evolve(full, target_text=target, output_context=output_span),
        bare=evolve(bare, target_text=bare_target + prefix),
        bare_prefix=prefix,
        input_text=input_text,
        input_filled=filled,
        output_template=said,
        parts=parts,
        output_context=output_context,
    )


def _joined(text: str, following: str, separator: str) -> str:
    """The separator, unless one side has it."""
    if not separator or not text or text.endswith(separator) or following.startswith(separator):
        return ""
    return "" if text[-1].isspace() else separator


_Both = tuple[Prefix, Prefix, tuple[Part, ...], str | None, Filled | None]


def _written(texts: Texts, bare_input: Template) -> _Both:
    """Beginnings from a text or documents."""
    context: ContextText | None = None
    if texts.context is not None and not (isinstance(texts.context, str) and not texts.context.strip()):
        context = context_text(texts.context, template=texts.document_template, separator=texts.document_separator)
    template = input_template(texts.input_template, has_context=context is not None)
    if context is not None and not template.has_context:
        _dropped("input_context_text", template)
        context = None
    filled = template.fill(current=texts.current, context=None if context is None else context.text)
    parts: tuple[Part, ...] = ()
    if context is not None and filled.context is not None:
        parts = tuple(
            evolve(part, span=(part.span[0] + filled.context[0], part.span[1] + filled.context[0]))
            for part in context.parts
        )
    # a bare input without templates is read as it stands; one that began with a gap keeps none
    bare = bare_input.fill(current=texts.current).text.rstrip(" ")
    return (
        _beginning(texts, filled.text, context=filled.context, parts=parts),
        _beginning(texts, bare),
        parts,
        None if context is None else context.text,
        filled,
    )


def _chats(model: SequenceModel, texts: Texts) -> _Both:
    """Beginnings from earlier messages and the current one."""
    if model.card.kind == "encoder-decoder":
        raise InputError("A chat needs a decoder-only model. Give the context as text or documents.")
    if texts.input_template is not None or texts.contextless_input_template is not None:
        raise InputError("A chat is written by the model's own chat template; leave the input templates out.")
    messages: list[Mapping[str, str]] = [*texts.context, {"role": "user", "content": texts.current}]
    rendered = model.encode(messages, side="target")
    alone = messages[-1:]
    turns = [segment for segment in rendered.segments if segment.kind == "turn"]
    if len(turns) != len(messages):
        raise InputError(
            f"The chat template shows {len(turns)} of {len(messages)} messages, so turns cannot be told apart. Give "
            "the context as documents."
        )
    parts = tuple(
        Part(
            span=_characters(rendered, turn.start, turn.end),
            text=str(message.get("content", "")),
            id=str(number),
            title=turn.label,
            kind="turn",
        )
        for number, (turn, message) in enumerate(zip(turns[:-1], messages, strict=False), start=1)
    )
    span = (parts[0].span[0], parts[-1].span[1])
    full = Prefix(
        target_text=rendered.text,
        chat=messages,
        input_context=span,
        parts=tuple(part.span for part in parts),
    )
    bare = Prefix(target_text=model.encode(alone, side="target").text, chat=alone)
    return full, bare, parts, rendered.text[span[0] : span[1]], None


def _characters(encoding: Encoding, first: int, end: int) -> tuple[int, int]:
    places = [(token.start, token.end) for token in encoding.tokens[first:end] if token.end]
    return min(start or 0 for start, _ in places), max(stop or 0 for _, stop in places)


def _beginning(
    texts: Texts, text: str, *, context: tuple[int, int] | None = None, parts: Sequence[Part] = ()
) -> Prefix:
    return Prefix(
        target_text=text,
        input_context=context,
        parts=tuple(part.span for part in parts),
        add_special_tokens=texts.add_special_tokens,
        language=texts.language,
    )


def as_source(beginning: Prefix) -> Prefix:
    """The same for an encoder-decoder: the input is read by the encoder, and the decoder begins anew."""
    return evolve(beginning, source_text=beginning.target_text, target_text="")


def _dropped(name: str, template: Template) -> None:
    warnings.warn(
        f"{name} is given, but its template {template.text!r} has no {{context}}: it is left out.",
        WherefromWarning,
        stacklevel=4,
    )
