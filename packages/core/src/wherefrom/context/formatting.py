"""From texts and templates to the two beginnings of an output: with its context, and without."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from wherefrom.adapters import Encoding, SequenceModel
from wherefrom.context.chats import (
    Chat,
    Messages,
    Placement,
    characters,
    found_in,
    is_chat,
    question_of,
    turns_of,
    with_content,
)
from wherefrom.context.documents import ContextText, Part, as_documents, context_text, names_of, own_span
from wherefrom.context.readings import Prefix
from wherefrom.context.templates import (
    CHAT_TEMPLATE,
    CONTEXT,
    Filled,
    Template,
    contextless_template,
    input_template,
    output_template,
)
from wherefrom.errors import InputError, SettingsError, WherefromWarning
from wherefrom.questions.given import check_texts
from wherefrom.text.tokens import Segment


@frozen(kw_only=True, eq=False)
class Texts:
    """What is asked about, as texts."""

    current: str | Messages
    """A text, or a chat that ends in the question (or in the beginning of its answer)."""
    context: Any = None
    """Input context: text, documents or the earlier messages of a chat."""
    output_context: str | None = None
    input_template: str | None = None
    output_template: str | None = None
    contextless_input_template: str | None = None
    contextless_output_template: str | None = None
    document_template: str = "{text}"
    document_separator: str | None = None
    """None: a space, and a line break in a chat."""
    document_placement: Placement = "message"
    separator: str = " "
    """Decoder-only: what stands between input and output."""
    output: str = ""
    """The output, where it is given: white space that it begins with is written once."""
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


def refuse_unused(texts: Texts) -> None:
    """Stop where texts say how documents are written, and none are, or not so.

    Raises:
        SettingsError: They do; the message says what it would take.
    """
    listed = texts.context is not None and not isinstance(texts.context, str) and not is_chat(texts.context)
    beside = texts.document_placement == "chat_template"
    if beside and (isinstance(texts.current, str) or is_chat(texts.context) or not texts.context):
        raise SettingsError(
            "document_placement='chat_template' puts documents beside the messages of a chat, and here are no "
            f"{'messages' if isinstance(texts.current, str) else 'documents'}. Leave it out, or give the current text "
            "as a chat and the context as documents."
        )
    given = {"document_template": texts.document_template != "{text}"}
    given["document_separator"] = texts.document_separator is not None
    if (names := [name for name, said in given.items() if said]) and (beside or not listed):
        why = "the chat template writes them" if beside else "the context is not given as documents"
        raise SettingsError(
            f"{' and '.join(names)} would change nothing: it says how documents are written, and {why}. Leave it out"
            f"{'' if beside else ', or give the context as a list of documents'}."
        )


def formatted(model: SequenceModel, texts: Texts) -> Formatted:
    """Both beginnings.

    Raises:
        InputError: There is no current text, or no context at all.
        SettingsError: A template lacks a place.
    """
    check_texts("The current text", texts.current)
    check_texts("The context", texts.context)
    if isinstance(texts.current, str) and not texts.current.strip():
        raise InputError("The current text is empty. Give the text that the context is the context of.")
    if not isinstance(texts.current, str) and not is_chat(texts.current):
        raise InputError(f"The current text is neither a text nor a chat: {texts.current!r:.80}.")
    if (not isinstance(texts.current, str) or is_chat(texts.context)) and model.card.kind == "encoder-decoder":
        raise InputError("A chat needs a decoder-only model. Give current text and context as text or documents.")
    blank = texts.output_context is not None and not texts.output_context.strip()
    output_context = None if blank else texts.output_context
    said = output_template(texts.output_template, has_context=output_context is not None)
    if blank:  # none, and none to be found in what the model says
        said = Template(said.text.replace(CONTEXT, ""))
    if output_context is not None and not said.has_context:
        _dropped("output_context_text", said)
        output_context = None
    bare_input = contextless_template("contextless_input_current_text", texts.contextless_input_template)
    bare_output = contextless_template("contextless_output_current_text", texts.contextless_output_template)
    if is_chat(texts.context):
        full, bare, parts, input_text, filled = _turns(texts, model)
    elif isinstance(texts.current, str):
        full, bare, parts, input_text, filled = _written(texts, texts.current, bare_input)
    elif texts.document_placement == "chat_template" and texts.context:
        full, bare, parts, input_text, filled = _beside(texts, texts.current, model)
    else:
        full, bare, parts, input_text, filled = _question(texts, texts.current, model, bare_input)
    require_context(input_text, CONTEXT if said.has_context else None)
    if model.card.kind == "encoder-decoder":
        full, bare = as_source(full), as_source(bare)
    target = full.target_text
    splits = said.has_context and output_context is None
    before = said.text.split("{context}" if splits else "{current}")[0]
    output_span = None
    if said.has_context and not splits:
        put = said.fill(current="", context=output_context)
        assert put.context is not None
        before, output_span = put.before_current, put.context
    following = "" if splits else texts.output
    target = full.target_text + _gap(full.target_text, before + following, texts.separator)
    if output_span is not None:
        output_span = (len(target) + output_span[0], len(target) + output_span[1])
    prefix = bare_output.text.split("{current}")[0]
    bare_target = bare.target_text + _gap(bare.target_text, prefix + texts.output, texts.separator)
    return Formatted(
        full=evolve(full, target_text=before_output(target + before, following), output_context=output_span),
        bare=evolve(bare, target_text=before_output(bare_target + prefix, texts.output)),
        bare_prefix=prefix,
        input_text=input_text,
        input_filled=filled,
        output_template=said,
        parts=parts,
        output_context=output_context,
    )


def require_context(of_input: str | None, of_output: str | None) -> None:
    """Stop where there is neither.

    Raises:
        InputError: There is none.
    """
    if of_input is None and not of_output:
        raise InputError(
            "There is no context, so nothing can depend on it. Give a context (context=..., --input-context-text, "
            "--documents), or an output_template with {context}."
        )


def _gap(text: str, following: str, separator: str) -> str:
    """The separator, unless one side has it: of spaces, any white space is one."""
    if not text or text.endswith(separator) or following.startswith(separator):
        return ""
    blank = separator.isspace() and text[-1].isspace()
    return "" if blank or (not separator.strip(" ") and following[:1].isspace()) else separator


def before_output(text: str, output: str) -> str:
    """What stands before an output, without spaces at its end if the output begins with white space.

    Where an output is generated they are left to its first token as well, so that what was said can be given back.
    """
    return text.rstrip(" ") if output[:1].isspace() else text


_Both = tuple[Prefix, Prefix, tuple[Part, ...], str | None, Filled | None]


def _written(texts: Texts, current: str, bare_input: Template) -> _Both:
    """Beginnings from a text or documents."""
    context = _context(texts, separator=" ")
    template = input_template(texts.input_template, has_context=context is not None)
    if context is not None and not template.has_context:
        _dropped("input_context_text", template)
        context = None
    filled = template.fill(current=current, context=None if context is None else context.text)
    parts: tuple[Part, ...] = ()
    if context is not None and filled.context is not None:
        parts = tuple(part.moved(filled.context[0]) for part in context.parts)
    # a bare input without templates is read as it stands; one that began with a gap keeps none
    bare = bare_input.fill(current=current).text.rstrip(" ")
    return (
        _beginning(texts, filled.text, context=filled.context, parts=parts),
        _beginning(texts, bare),
        parts,
        None if context is None else context.text,
        filled,
    )


def _turns(texts: Texts, model: SequenceModel) -> _Both:
    """Beginnings from earlier messages and the current ones."""
    _require_no_templates(texts)
    current = [{"role": "user", "content": texts.current}] if isinstance(texts.current, str) else list(texts.current)
    earlier = list(texts.context)
    whole = Chat(messages=[*earlier, *current])
    encoding = whole.encoded(model)
    turns = turns_of(encoding, whole.messages)[: len(earlier)]
    parts = tuple(
        _rendered(encoding, turn, str(message.get("content", "")), id=str(number), title=turn.label, kind="turn")
        for number, (turn, message) in enumerate(zip(turns, earlier, strict=True), start=1)
    )
    return _of_chats(model, whole, Chat(messages=current), (parts[0].span[0], parts[-1].span[1]), parts)


def _question(texts: Texts, messages: Messages, model: SequenceModel, bare_input: Template) -> _Both:
    """Beginnings from a chat and documents within its last message of the user."""
    index, asked = question_of(messages)
    alone = Chat(messages=with_content(messages, index, bare_input.fill(current=asked).text))
    context = _context(texts, separator="\n")
    template = input_template(texts.input_template, has_context=context is not None, default=CHAT_TEMPLATE)
    if context is not None and not template.has_context:
        _dropped("input_context_text", template)
        context = None
    filled = template.fill(current=asked, context=None if context is None else context.text)
    whole = Chat(messages=with_content(messages, index, filled.text))
    if context is None or filled.context is None:
        full, bare, _, _, _ = _of_chats(model, whole, alone, None, ())
        return full, bare, (), None, filled
    encoding = whole.encoded(model)
    begin, _ = found_in(encoding, filled.text, turns_of(encoding, whole.messages)[index])
    parts = tuple(part.moved(begin + filled.context[0]) for part in context.parts)
    span = (begin + filled.context[0], begin + filled.context[1])
    full, bare, parts, text, _ = _of_chats(model, whole, alone, span, parts)
    return full, bare, parts, text, filled


def _beside(texts: Texts, messages: Messages, model: SequenceModel) -> _Both:
    """Beginnings from a chat and documents where its template puts documents."""
    _require_no_templates(texts)
    listed = as_documents([texts.context] if isinstance(texts.context, str) else texts.context)
    whole = Chat(messages=messages, documents=tuple(listed))
    encoding = whole.encoded(model)
    places = [segment for segment in encoding.segments if segment.kind == "document"]
    if len(places) != len(listed):
        raise InputError(
            f"The chat template writes {len(places)} of {len(listed)} documents. Use document_placement='message', "
            "which writes them into the user's last message."
        )
    parts = tuple(
        _rendered(encoding, place, one.text, id=name, title=one.title)
        for place, one, name in zip(places, listed, names_of(listed), strict=True)
    )
    return _of_chats(model, whole, Chat(messages=messages), (parts[0].span[0], parts[-1].span[1]), parts)


def _rendered(encoding: Encoding, segment: Segment, text: str, **names: str) -> Part:
    """A stretch that a chat template wrote."""
    span = characters(encoding, segment)
    return Part(span=span, text=text, own=own_span(encoding.text, span, text), **names)


def _of_chats(
    model: SequenceModel, whole: Chat, alone: Chat, context: tuple[int, int] | None, parts: tuple[Part, ...]
) -> _Both:
    text = whole.encoded(model).text
    full = Prefix(target_text=text, chat=whole, input_context=context, parts=parts)
    bare = Prefix(target_text=alone.encoded(model).text, chat=alone)
    return full, bare, parts, None if context is None else text[slice(*context)], None


def _require_no_templates(texts: Texts) -> None:
    if texts.input_template is not None or texts.contextless_input_template is not None:
        raise InputError(
            "This chat is written by the model's own chat template alone; leave the input templates out. They serve "
            "where documents are written into the last message."
        )


def _context(texts: Texts, *, separator: str) -> ContextText | None:
    """The context as one text; None if there is none."""
    if texts.context is None or (isinstance(texts.context, str) and not texts.context.strip()):
        return None
    chosen = separator if texts.document_separator is None else texts.document_separator
    return context_text(texts.context, template=texts.document_template, separator=chosen)


def _beginning(
    texts: Texts, text: str, *, context: tuple[int, int] | None = None, parts: Sequence[Part] = ()
) -> Prefix:
    return Prefix(
        target_text=text,
        input_context=context,
        parts=tuple(parts),
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
