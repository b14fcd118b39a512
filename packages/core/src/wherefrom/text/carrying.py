"""Places of a text among other tokens that stand for its own, such as those of two texts side by side."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec
from attrs import frozen

from wherefrom.text.merging import Span
from wherefrom.text.tokens import Segment, Token


@frozen(kw_only=True)
class Carrying:
    """Where the tokens of a text went."""

    positions: tuple[int, ...]
    """Position of each of its tokens, rising."""
    into: tuple[Token, ...]
    """The new token that each of them is in."""

    def span(self, start: int, end: int) -> Span | None:
        """The positions, end exclusive, of the new tokens that those from ``start`` to ``end`` are in; None: of none.

        Example:
            >>> own = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(["He", " said"])]
            >>> new = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(["So", " he", " said"])]
            >>> carrying(own, [(0, 0), (0, 1), (1, 2)], new).span(1, 2)
            (2, 3)
        """
        inside = self.into[bisect_left(self.positions, start) : bisect_left(self.positions, end)]
        return (inside[0].position, inside[-1].position + inside[-1].size) if inside else None

    def segment(self, segment: Segment) -> Segment | None:
        """The segment over the new tokens that its own are in, if there are any."""
        found = self.span(segment.start, segment.end)
        return None if found is None else msgspec.structs.replace(segment, start=found[0], end=found[1])


def carrying(own: Sequence[Token], spans: Sequence[Span], tokens: Sequence[Token]) -> Carrying:
    """How places go from ``own`` to ``tokens``.

    Args:
        own: The tokens of a text.
        spans: Of them, what each of ``tokens`` stands for; may be empty, and together they are all.
        tokens: The new ones.
    """
    pairs = [(one.position, token) for (start, end), token in zip(spans, tokens, strict=True) for one in own[start:end]]
    return Carrying(positions=tuple(place for place, _ in pairs), into=tuple(token for _, token in pairs))
