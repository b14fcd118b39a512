"""Merge the pieces of words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from attrs import field, frozen

from wherefrom.errors import SettingsError
from wherefrom.results.aggregation import aggregator
from wherefrom.results.aggregators.levels import MergeLevel
from wherefrom.results.aggregators.merging import spans_where
from wherefrom.text.merging import Span
from wherefrom.text.segmentation import Level
from wherefrom.text.tokens import Token


def _marks(_: object, __: object, value: Any) -> None:
    many = value if isinstance(value, tuple | list) else () if value is None else (value,)
    if not all(isinstance(one, str) for one in many):
        raise SettingsError(f"special_chars = {value!r} marks no words. Give a mark such as '▁', or a list of marks.")


@aggregator("subwords")
@frozen(kw_only=True)
class Subwords(MergeLevel):
    """Pieces of a word become one unit, on both sides, up to the last token. Special tokens stay alone.

    Words are those of `wherefrom.text.segmentation`. Nothing needs to be set; ``special_chars`` overrides it all. A
    word within which the explained steps begin is cut there.
    """

    level: ClassVar[Level] = "word"

    special_chars: str | tuple[str, ...] | list[str] | None = field(default=None, validator=_marks)
    """A piece that starts with one of these begins a word; None: found from the tokens."""
    is_suffix_symbol: bool = False
    """Does a piece that starts with one of ``special_chars`` continue a word instead?"""

    def spans(self, tokens: Sequence[Token], breaks: Collection[int] = ()) -> list[Span]:
        """The words of several tokens, with ``breaks`` between some of them."""
        if self.special_chars:
            return spans_where(len(tokens), lambda index: index not in breaks and self._continues(tokens, index))
        return super().spans(tokens, breaks)

    def _continues(self, tokens: Sequence[Token], index: int) -> bool:
        if tokens[index - 1].special or tokens[index].special:
            return False
        marks = (self.special_chars,) if isinstance(self.special_chars, str) else tuple(self.special_chars or ())
        return tokens[index].piece.startswith(marks) == self.is_suffix_symbol
