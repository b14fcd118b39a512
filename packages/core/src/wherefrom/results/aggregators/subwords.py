"""Merge the pieces of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from wherefrom.results.aggregation import aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import Span, merge_spans, spans_where
from wherefrom.results.data import AnyAttribution
from wherefrom.text.tokens import Token

_WORD_STARTS = ("▁", "Ġ", "Ċ", "ĉ", "Ī")
"""First letters by which vocabularies mark a space, a line break or a tab before the word."""

_CONTINUES = "##"
"""WordPiece's mark of a piece that continues a word."""


@aggregator
@frozen(kw_only=True)
class Subwords:
    """Pieces of a word become one unit, on both sides, up to the last token. Special tokens stay alone.

    Word boundaries come from the tokenizer: the word each token belongs to, or else character offsets, leading spaces
    and the marks of the vocabulary. Nothing needs to be set; ``special_chars`` overrides it all.
    """

    identifier: ClassVar[str] = "subwords"

    special_chars: str | tuple[str, ...] | list[str] | None = None
    """A piece that starts with one of these begins a word; None: found from the tokens."""
    is_suffix_symbol: bool = False
    """Does a piece that starts with one of ``special_chars`` continue a word instead?"""
    aggregate_source: bool = True
    aggregate_target: bool = True
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a word are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = self.spans(attribution.source) if self.aggregate_source else []
        target = self.spans(attribution.target) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token]) -> list[Span]:
        """The words of several tokens."""
        return spans_where(len(tokens), lambda index: self._continues(tokens[index - 1], tokens[index]))

    def _continues(self, previous: Token, token: Token) -> bool:
        if previous.special or token.special:
            return False
        if self.special_chars:
            marks = (self.special_chars,) if isinstance(self.special_chars, str) else tuple(self.special_chars)
            return token.piece.startswith(marks) == self.is_suffix_symbol
        return continues_word(previous, token)


def continues_word(previous: Token, token: Token) -> bool:
    """Are two neighbouring tokens pieces of one word?"""
    if previous.special or token.special or not token.text:
        return False
    if previous.word is not None and token.word is not None:
        return previous.word == token.word
    if token.piece.startswith(_CONTINUES) and token.piece != _CONTINUES:
        return True
    if token.piece.startswith(_WORD_STARTS) or token.text[:1].isspace() or previous.text[-1:].isspace():
        return False
    if previous.end is not None and token.start is not None:
        return previous.end == token.start and _alphanumeric(previous.text[-1:]) == _alphanumeric(token.text[:1])
    return _alphanumeric(previous.text[-1:]) == _alphanumeric(token.text[:1])


def _alphanumeric(letter: str) -> bool:
    """Is it part of a word rather than punctuation? Marks and half-decoded bytes count as letters."""
    return letter.isalnum() or letter in "_�" or ord(letter or " ") > 0x2FF
