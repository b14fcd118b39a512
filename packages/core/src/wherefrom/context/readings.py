"""What the model reads and says, as ids with known places: the same output behind two different beginnings.

The output's ids are fixed once. The sequences with and without context differ in what stands before them and in
nothing else, so that a step of one is compared with the same step of the other, whatever the lengths. Characters serve
only where texts are encoded, to find the tokens of a context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import Encoding, Row, SequenceModel, Side
from wherefrom.arrays import IntArray
from wherefrom.context.chats import Chat
from wherefrom.context.documents import Part
from wherefrom.context.templates import Span
from wherefrom.errors import InputError
from wherefrom.questions.examples import Example, check_ids, continuation_start, continued
from wherefrom.questions.target_function import TargetFunction
from wherefrom.text.places import joined_text
from wherefrom.text.segmentation import end_with_bytes, is_mark_of_space
from wherefrom.text.tokens import Segment, Token

NOWHERE: IntArray = np.zeros(0, dtype=np.int64)


@frozen(kw_only=True, eq=False)
class ForcedRun:
    """One sequence that ends with the output, and where the context stands in it."""

    target_ids: IntArray
    """The decoder's sequence, shape ``(T,)``."""
    target_tokens: tuple[Token, ...]
    output_start: int
    """Target position of the output's first token; the output goes on to the end."""
    source: Encoding | None = None
    """What the encoder reads; None for decoder-only models."""
    input_context: IntArray = field(default=NOWHERE)
    """Positions of the input context's tokens: in the source, or in the target of a decoder-only model."""
    output_context: IntArray = field(default=NOWHERE)
    """Target positions of the output context's tokens."""
    parts: tuple[IntArray, ...] = ()
    """Positions of each part of the input context, special tokens included."""
    own_texts: tuple[IntArray, ...] = ()
    """Those of each part's own text, from first to last, without what a template writes around it."""
    segments: tuple[Segment, ...] = ()
    """Turns of a chat, what its template writes beside them, and documents."""

    @property
    def steps(self) -> IntArray:
        """Target positions of the output, shape ``(G,)``."""
        return np.arange(self.output_start, len(self.target_ids), dtype=np.int64)

    @property
    def output_ids(self) -> IntArray:
        """Ids of the output, shape ``(G,)``."""
        return self.target_ids[self.output_start :]

    @property
    def input_tokens(self) -> tuple[Token, ...]:
        """Tokens of the sequence that the input context stands in."""
        return self.target_tokens if self.source is None else self.source.tokens

    @property
    def input_ids(self) -> IntArray:
        """Ids of the sequence that the input context stands in."""
        return self.target_ids if self.source is None else self.source.ids

    def row(self, scores: Mapping[str, TargetFunction] | None = None) -> Row:
        """The pass that predicts every token of the output."""
        return Row(
            target_ids=self.target_ids,
            steps=self.steps,
            source_ids=None if self.source is None else self.source.ids,
            scores=scores or {},
        )

    def with_input(self, ids: IntArray) -> Row:
        """The pass with the input's ids replaced by others, of any number.

        For a decoder-only model ``ids`` stand for everything before the output.
        """
        if self.source is not None:
            return Row(target_ids=self.target_ids, steps=self.steps, source_ids=ids)
        target = np.concatenate([ids, self.output_ids]).astype(np.int64)
        return Row(target_ids=target, steps=np.arange(len(ids), len(target), dtype=np.int64))

    def before_output(self) -> IntArray:
        """The ids that `with_input` replaces."""
        return self.target_ids[: self.output_start] if self.source is None else self.source.ids

    def example(self) -> Example:
        """The reading as an example that a method can be asked about."""
        tokens = self.target_tokens
        return Example(
            source=self.source,
            target_ids=self.target_ids,
            target_tokens=tokens,
            prompt=None,
            default_start=self.output_start,
            input_text="" if self.source is None else self.source.text,
            target_text=text_of(tokens),
            segments=self.segments,
        )


@frozen(kw_only=True, eq=False)
class Prefix:
    """Everything before the output: texts still, with the places of contexts."""

    target_text: str
    """What stands before the output in the decoder's sequence."""
    source_text: str | None = None
    """What the encoder reads; None for decoder-only models."""
    chat: Chat | None = None
    """Messages instead of text, for the input."""
    input_context: Span | None = None
    output_context: Span | None = None
    """Characters of ``target_text``."""
    parts: tuple[Part, ...] = ()
    """Of the input context, in characters of the text that it stands in."""
    documents: tuple[Part, ...] = ()
    """Those of the input context, in the same characters."""
    add_special_tokens: bool = True
    language: str | None = None
    """Encoder-decoder: the token of the language to be said, put first where the tokenizer does not do so itself."""


def encoded_source(model: SequenceModel, beginning: Prefix) -> Encoding | None:
    """What the encoder reads; None for decoder-only models."""
    if beginning.source_text is None:
        return None
    source = model.encode(beginning.source_text, side="source", add_special_tokens=beginning.add_special_tokens)
    check_ids(model.card, source.ids, "input")
    return source


def encoded_prefix(model: SequenceModel, beginning: Prefix) -> Encoding:
    """The decoder's sequence before the output: start token and output context, or a decoder-only model's prompt.

    Spaces at its end belong to the output's first token, and are left to it.
    """
    text = beginning.target_text.rstrip(" ")
    return _prompt(model, text, beginning) if beginning.source_text is None else _begun(model, text, beginning)


def cut(model: SequenceModel, beginning: Prefix, output: str) -> tuple[Encoding, IntArray, tuple[Token, ...]]:
    """An output's text encoded behind its beginning, and cut off again.

    Returns:
        What stands before, the output's ids, and its tokens.

    Raises:
        InputError: Nothing is left for the output.
    """
    whole_text = beginning.target_text + output
    if beginning.source_text is not None:
        whole = _begun(model, whole_text, beginning)
    else:
        whole = _prompt(model, whole_text, beginning)
    end = len(beginning.target_text)
    belongs = [not token.special and token.end is not None and token.end > end for token in whole.tokens]
    if True not in belongs:
        raise InputError(f"The output {output!r} has no token of its own. Give a text of at least one token.")
    # a token without characters of its own, a lone space mark, is the output's where the beginning lacks it
    first = continuation_start(encoded_prefix(model, beginning).ids, whole, end=end)
    last = len(belongs) - belongs[::-1].index(True)
    prefix = Encoding(ids=whole.ids[:first], tokens=whole.tokens[:first], text=beginning.target_text)
    return prefix, whole.ids[first:last], whole.tokens[first:last]


def reading(
    model: SequenceModel,
    beginning: Prefix,
    prefix: Encoding,
    output_ids: IntArray,
    output_tokens: Sequence[Token],
    kept_special: frozenset[str],
) -> ForcedRun:
    """A beginning with an output's ids behind it."""
    source = encoded_source(model, beginning)
    target_ids = np.concatenate([prefix.ids, output_ids]).astype(np.int64)
    check_ids(model.card, target_ids, "decoder's sequence" if source is not None else "input with its output")
    if not len(prefix.ids):
        raise InputError(
            "Nothing stands before the output, so its first token cannot be predicted. Give an input text, or a model "
            "with a BOS token."
        )
    tokens = continued(prefix.tokens, output_tokens, end=end_of(prefix.tokens))
    inside = prefix.tokens if source is None else source.tokens
    parts = tuple(within(inside, part.span, None) for part in beginning.parts)
    for part, positions in zip(beginning.parts, parts, strict=True):
        if part.text.strip() and not len(positions):
            raise InputError(
                f"No token of the input is found where the {part.kind} {part.text[:60]!r} stands, so it cannot be "
                "weighed. Write it as the tokenizer does, or leave it out."
            )
    return ForcedRun(
        target_ids=target_ids,
        target_tokens=tokens,
        output_start=len(prefix.ids),
        source=source,
        input_context=within(inside, beginning.input_context, kept_special),
        output_context=within(prefix.tokens, beginning.output_context, kept_special),
        parts=parts,
        own_texts=tuple(stretch(inside, part) for part in beginning.parts),
        segments=_segments(model, beginning, prefix, source),
    )


def _segments(
    model: SequenceModel, beginning: Prefix, prefix: Encoding, source: Encoding | None
) -> tuple[Segment, ...]:
    """Who wrote which tokens of the sequence that the input context stands in, as `Question.segments` tells methods."""
    side: Side = "target" if source is None else "source"
    inside = prefix if source is None else source
    found: list[Segment] = []
    if beginning.chat is not None:
        rendered = beginning.chat.encoded(model)
        count = min(len(rendered.ids), len(inside.ids))
        differ = np.flatnonzero(rendered.ids[:count] != inside.ids[:count])
        same = int(differ[0]) if len(differ) else count  # the last tokens may be others with the output behind them
        found = [
            msgspec.structs.replace(one, end=min(one.end, same) if one.end < len(rendered.ids) else len(inside.ids))
            for one in rendered.segments
            if one.start < same
        ]
    if any(one.kind == "document" for one in found):
        return tuple(found)  # the template wrote them
    for document in beginning.documents:
        if len(at := within(inside.tokens, document.span, None)):
            label = document.title or document.id
            found.append(Segment(side=side, start=int(at[0]), end=int(at[-1]) + 1, kind="document", label=label))
    return tuple(found)


def stretch(tokens: Sequence[Token], part: Part) -> IntArray:
    """Positions of a part's own text from its first token to its last; all of a part whose text has no token."""
    own = within(tokens, part.text_span, None)
    found = own if len(own) else within(tokens, part.span, None)
    return np.arange(found[0], found[-1] + 1, dtype=np.int64) if len(found) else found


def within(tokens: Sequence[Token], span: Span | None, kept_special: frozenset[str] | None) -> IntArray:
    """Positions of the tokens of some characters: of those that overlap them, from the first to the last, with a mark
    of spaces in front that is a token of its own, and with the later bytes of the last character.

    Args:
        kept_special: Special tokens that count as text; None: all of them.
    """
    if span is None:
        return NOWHERE
    begin, end = span
    overlap = [
        index
        for index, token in enumerate(tokens)
        if token.start is not None
        and token.end is not None
        and token.start < end
        and token.end > begin
        and token.end > token.start
        and (not token.special or kept_special is None or token.piece in kept_special)
    ]
    if not overlap:
        return NOWHERE
    first = overlap[0]
    while _is_mark_before(tokens, first):
        first -= 1
    kept = set(overlap)
    found = [
        index
        for index in range(first, end_with_bytes(tokens, overlap[-1]))
        if index in kept or not tokens[index].special
    ]
    return np.array(found, dtype=np.int64)


def _is_mark_before(tokens: Sequence[Token], index: int) -> bool:
    """Does a mark of spaces stand in front of a token, as one of its own?"""
    if index == 0 or tokens[index].special or not is_mark_of_space(tokens[index - 1]):
        return False
    if tokens[index - 1].end != _begin(tokens[index]):
        return False
    return index == 1 or end_with_bytes(tokens, index - 2) < index  # else it is a byte of the character before it


def _begin(token: Token) -> int | None:
    """The character that a token begins with. Marks of spaces are put to the end of theirs by some tokenizers."""
    if token.end is not None and is_mark_of_space(token):
        return token.end - len(token.text)
    return token.start


def end_of(tokens: Sequence[Token]) -> int:
    """The character behind the last of some tokens."""
    return max((token.end for token in tokens if token.end is not None), default=0)


def text_of(tokens: Sequence[Token]) -> str:
    """The text of some tokens, without special ones and without a space in front."""
    return joined_text(tokens)[0].strip()


def characters_of(tokens: Sequence[Token], first: int, end: int) -> Span:
    """Where some tokens stand in the `text_of` all, without the white space around them."""
    texts = ["" if token.special else token.text for token in tokens]
    whole, inside = "".join(texts), "".join(texts[first:end])
    begin = len("".join(texts[:first])) + len(inside) - len(inside.lstrip()) - (len(whole) - len(whole.lstrip()))
    begin = min(max(begin, 0), len(whole.strip()))  # of tokens without text: the nearest place that there is
    return begin, begin + len(inside.strip())


def _begun(model: SequenceModel, text: str, beginning: Prefix) -> Encoding:
    """A decoder's sequence as the tokenizer begins it (start and language tokens), without tokens that end it."""
    whole = model.encode(text, side="target", add_special_tokens=beginning.add_special_tokens)
    last = len(whole.ids)
    while last > 1 and int(whole.ids[last - 1]) in model.card.eos_ids:
        last -= 1
    ids, tokens = whole.ids[:last], whole.tokens[:last]
    put_by_tokenizer = last > 1 and tokens[1].special
    if beginning.language is not None and not put_by_tokenizer:
        language = _language_token(model, beginning.language)
        ids = np.concatenate([ids[:1], [language.id], ids[1:]]).astype(np.int64)
        tokens = (
            tokens[0],
            msgspec.structs.replace(language, position=1, start=0, end=0, special=True),
            *(msgspec.structs.replace(token, position=token.position + 1) for token in tokens[1:]),
        )
    return Encoding(ids=ids, tokens=tokens, text=text)


def _language_token(model: SequenceModel, language: str) -> Token:
    encoded = model.encode(language, side="target", decoder_prefix=True)
    tokens = encoded.tokens[1:]
    if len(tokens) != 1 or tokens[0].id == model.card.unk_id:
        raise InputError(
            f"{language!r} is no single token of {model.card.name}'s vocabulary, but {len(tokens)}: "
            f"{[token.piece for token in tokens]}. Give the language as the tokenizer writes it, such as 'fra_Latn'."
        )
    return tokens[0]


def _prompt(model: SequenceModel, text: str, beginning: Prefix) -> Encoding:
    """A decoder-only sequence. A chat's template has written all special tokens already."""
    if beginning.chat is None:
        encoding = model.encode(text, side="target", add_special_tokens=beginning.add_special_tokens)
        if len(encoding.ids) or model.card.bos_id is None:
            return encoding
        ids = np.array([model.card.bos_id], dtype=np.int64)
        return Encoding(ids=ids, tokens=model.tokens(ids, side="target"), text=text)
    rendered = beginning.chat.encoded(model)
    if text == rendered.text.rstrip(" ") or text == rendered.text:
        return rendered
    return evolve(model.encode(text, side="target", add_special_tokens=False), text=text)
