"""The output to explain: given, continued by the model, or generated as a whole and split from its own context."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Literal, Protocol

import numpy as np
from attrs import frozen

from wherefrom.adapters import Encoding, SequenceModel
from wherefrom.arrays import IntArray
from wherefrom.context.documents import sentence_parts
from wherefrom.context.readings import Prefix, cut, encoded_prefix, encoded_source, end_of, text_of
from wherefrom.context.templates import Filled, Template
from wherefrom.errors import InputError
from wherefrom.questions.examples import continued, require_one_answer, require_one_given
from wherefrom.text.segmentation import end_with_bytes
from wherefrom.text.tokens import Token

Strategy = Literal["manual", "auto", "pre"]
STRATEGIES: tuple[Strategy, ...] = ("manual", "auto", "pre")
"""How an output context is found that nobody gave: by asking, by the best guess, or not at all."""


class Asks(Protocol):
    """Somebody at a terminal who can be asked."""

    def confirm(self, question: str) -> bool:
        """Yes or no."""
        ...

    def answer(self, question: str) -> str:
        """Free text."""
        ...


@frozen(kw_only=True, eq=False)
class Output:
    """An output as ids, behind what stands before it."""

    prefix: Encoding
    """The decoder's sequence before the output."""
    ids: IntArray
    tokens: tuple[Token, ...]
    context: str | None = None
    """The output context's text."""
    context_positions: IntArray | None = None
    """Its target positions, where it was cut off an output; None: to be found by its characters."""


def given(model: SequenceModel, beginning: Prefix, text: str, *, context: str | None) -> Output:
    """An output whose text is given."""
    if not text.strip():
        raise InputError("The output is empty. Give a text, or leave it out so that the model generates one.")
    prefix, ids, tokens = cut(model, beginning, text)
    return Output(prefix=prefix, ids=ids, tokens=tokens, context=context)


def generated(
    model: SequenceModel,
    beginning: Prefix,
    *,
    context: str | None,
    settings: Mapping[str, Any],
    seed: int | None,
) -> Output:
    """What the model says after its beginning, end tokens left out.

    Raises:
        InputError: It says nothing, or several outputs are asked for.
    """
    require_one_answer(settings, "attribute_context")
    prefix = encoded_prefix(model, beginning)
    source = encoded_source(model, beginning)
    prompt = prefix.ids if source is None else source.ids
    prefixes = None if source is None or len(prefix.ids) < 2 else [prefix.ids]
    (answers,) = model.generate([prompt], decoder_prefixes=prefixes, settings=settings, seed=seed)
    require_one_given(len(answers), "attribute_context")
    whole = answers[0]
    tokens = model.tokens(whole, side="target")
    first, last = len(prefix.ids), len(whole)
    if source is not None and prefixes is None:
        while first < last and tokens[first].special and int(whole[first]) not in model.card.eos_ids:
            first += 1  # a language token that generation puts first
        if first > len(prefix.ids):
            prefix = Encoding(ids=whole[:first], tokens=tokens[:first], text=prefix.text)
    while last > first and tokens[last - 1].special:
        last -= 1
    if last == first:
        raise InputError(
            "The model ends its output before it says anything. Give the output, or other generation settings."
        )
    return Output(prefix=prefix, ids=whole[first:last], tokens=tokens[first:last], context=context)


def split(
    model: SequenceModel,
    whole: Output,
    template: Template,
    input_filled: Filled | None,
    *,
    strategy: Strategy,
    ask: Asks | None,
    current: str | None,
) -> Output:
    """A generated output cut in two: its context, and what follows.

    Args:
        whole: Everything that was generated.
        template: Of the output; what stands between its places separates the two, and is part of neither.
        input_filled: The input with its places, for the number of its sentences.
        strategy: See `STRATEGIES`.
        ask: Whom to ask; None: nobody is there.
        current: The text of the second piece, if that is known.

    Raises:
        InputError: No place to cut is found, or somebody would have to be asked and nobody is there.
    """
    text = text_of(whole.tokens)
    separator = _gap(template).strip()
    if current is not None:
        context = text.removesuffix(current.strip()).rstrip().removesuffix(separator).rstrip()
        if not text.endswith(current.strip()) or not context:
            raise InputError(
                f"The output {current!r} is given and its context is not, but the model says {text!r}, which does not "
                "end so. Give the output context as well."
            )
        return _cut_at(whole, context, separator)
    if strategy == "pre":
        raise InputError(
            f"The output template {template.text!r} has a context that is not given, and the strategy 'pre' asks for "
            "everything beforehand. Give output_context_text, or use handle_output_context_strategy='auto'."
        )
    candidate = _candidate(text, template, input_filled)
    if strategy == "auto":
        if candidate is None:
            raise InputError(
                f"No single place to cut was found in the output {text!r}. Give output_context_text: its first part, "
                "as the model says it."
            )
        return _cut_at(whole, candidate, separator)
    if ask is None:
        hint = f" It would propose {candidate!r}." if candidate is not None else ""
        raise InputError(
            "handle_output_context_strategy='manual' asks which part of the output is its context, and there is "
            f"nobody to ask. Give output_context_text, or use 'auto'.{hint} The output is {text!r}."
        )
    return _cut_at(whole, _asked(text, candidate, separator, ask), separator)


def _gap(template: Template) -> str:
    """What the template writes between context and current text."""
    return template.text.split("{context}")[1].split("{current}")[0]


def _candidate(text: str, template: Template, input_filled: Filled | None) -> str | None:
    """Where the context ends, if only one place is plausible."""
    separator = _gap(template).strip()
    if separator:
        pieces = text.split(separator)
        return pieces[0].rstrip() if len(pieces) == 2 and all(piece.strip() for piece in pieces) else None
    sentences = sentence_parts(text)
    if len(sentences) == 2:
        return text[: sentences[0].span[1]]
    if input_filled is not None and input_filled.context is not None:
        before = sentence_parts(input_filled.text[slice(*input_filled.context)])
        after = sentence_parts(input_filled.text[slice(*input_filled.current)])
        if len(sentences) == len(before) + len(after):  # translated sentence by sentence
            return text[: sentences[len(before) - 1].span[1]]
    words = re.split(r"\s+", text)
    return words[0] if len(words) == 2 else None


def _asked(text: str, candidate: str | None, separator: str, ask: Asks) -> str:
    if candidate is not None:
        rest = text[len(candidate) :].strip().removeprefix(separator).strip()
        if ask.confirm(f"The output is {text!r}.\nIs {candidate!r} its context, and {rest!r} the rest?"):
            return candidate
    while True:
        answer = ask.answer(f"The output is {text!r}.\nWhich part of it, from its beginning, is the context?").strip()
        if not answer and ask.confirm("Is there no context in the output?"):
            return ""
        if answer and text.startswith(answer) and answer != text:
            return answer


def _cut_at(whole: Output, context: str, separator: str) -> Output:
    """The tokens of ``context``, and those of a separator behind it, moved to the prefix; the rest stays."""
    if not context:
        return Output(prefix=whole.prefix, ids=whole.ids, tokens=whole.tokens, context="")
    texts = [_plain(token) for token in whole.tokens]
    text, ends = "".join(texts), list(accumulate(map(len, texts)))
    end = len(text) - len(text.lstrip()) + len(context)
    begin = count = end_with_bytes(whole.tokens, bisect_left(ends, end))
    at = len(text) - len(text[end:].lstrip())
    if separator and text.startswith(separator, at):
        begin = max(count, bisect_right(ends, at + len(separator)))  # the first token that has more than that
    if begin == len(whole.ids):
        raise InputError(f"The context {context!r} is the whole output; nothing is left to explain. Give less of it.")
    ids = np.concatenate([whole.prefix.ids, whole.ids[:begin]]).astype(np.int64)
    before = whole.prefix.tokens
    tokens = continued(before, whole.tokens[:begin], end=end_of(before))
    prefix = Encoding(ids=ids, tokens=tokens, text=whole.prefix.text)
    start = len(whole.prefix.ids)
    return Output(
        prefix=prefix,
        ids=whole.ids[begin:],
        tokens=whole.tokens[begin:],
        context=context,
        context_positions=np.arange(start, start + count, dtype=np.int64),
    )


def _plain(token: Token) -> str:
    return "" if token.special else token.text
