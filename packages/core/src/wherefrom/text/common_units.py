"""Which tokens of one text and which of another say the same: two cuts of one text, or two texts that differ in places.

Where both say the same characters, they are cut wherever both have a boundary; white space decides nothing. Where they
differ, the shortest edit script over their words tells which stayed, however they are cut, and that over the tokens
between those what else did (`wherefrom.text.alignment`); a stretch that stands for another pairs token by token if both
have as many, else as a whole. A contrast is aligned token by token, by a rule of its own
(`wherefrom.text.alignment.align`): it pairs what differs position by position where both sides have as many tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from wherefrom.text.alignment import kept_by_shortest_script, shared_ends
from wherefrom.text.merging import Span, merged_token, merged_tokens
from wherefrom.text.segmentation import unit_spans
from wherefrom.text.tokens import Token

Aligned: TypeAlias = tuple[Span, Span]
"""A span of one text's tokens and one of the other's; one of them may be empty."""


def aligned_units(
    one: Sequence[Token], other: Sequence[Token], *, boundary: tuple[int, int] | None = None
) -> list[Aligned]:
    """Cut two token lists into parts that correspond, in order; every token is in one part.

    A special token pairs with the same special token, or stands alone.

    Args:
        one: Tokens of one text.
        other: Tokens of the other.
        boundary: Where the continuation begins in both: where texts differ, prompts are aligned with prompts and
            continuations with continuations.

    Example:
        >>> def tokens(*texts):
        ...     return [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts)]
        >>> aligned_units(tokens("gentle", "men", " go"), tokens("gent", "lemen", " go"))
        [((0, 2), (0, 2)), ((2, 3), (2, 3))]
        >>> aligned_units(tokens("He", " said", " so"), tokens("She", " said"))
        [((0, 1), (0, 1)), ((1, 2), (1, 2)), ((2, 3), (2, 2))]
        >>> aligned_units(tokens("red", " ho", "use", " was"), tokens("big", " house", " was"))
        [((0, 1), (0, 1)), ((1, 3), (1, 2)), ((3, 4), (2, 3))]
    """
    if [token.text for token in one] == [token.text for token in other]:
        return [((index, index + 1), (index, index + 1)) for index in range(len(one))]
    if _characters(one) == _characters(other):
        return _same_text(one, other, 0, 0)
    if boundary is not None:
        i, j = boundary
        answers = aligned_units(one[i:], other[j:])
        return [*aligned_units(one[:i], other[:j]), *(((a + i, b + i), (c + j, d + j)) for (a, b), (c, d) in answers)]
    cuts = [unit_spans(side, "word") for side in (one, other)]
    kept = _kept(*(merged_tokens(side, cut) for side, cut in zip((one, other), cuts, strict=True)))
    aligned: list[Aligned] = []
    a = c = 0
    for (b, after), (d, after_too) in [
        *((cuts[0][i], cuts[1][j]) for i, j in kept),
        ((len(one), len(one)), (len(other), len(other))),
    ]:
        aligned += _without_bytes(one[a:b], other[c:d], a, c)
        if after > b:
            aligned += _stretch(one[b:after], other[d:after_too], b, d)
        a, c = after, after_too
    return aligned


def _without_bytes(one: Sequence[Token], other: Sequence[Token], begin: int, start: int) -> list[Aligned]:
    """The parts of stretches that begin at these indices, tokens that add no text with those before them."""
    first, second = (_starts(side) for side in (one, other))
    merged = ([merged_token(side[a:b]) for a, b in pairwise(cut)] for side, cut in ((one, first), (other, second)))
    return [
        ((begin + first[a], begin + first[b]), (start + second[c], start + second[d]))
        for (a, b), (c, d) in _edited(*merged)
    ]


def _starts(tokens: Sequence[Token]) -> list[int]:
    """Where tokens begin that add text, and the end; one that adds none (a byte of a character) belongs to the one
    before."""
    begun = [index for index, token in enumerate(tokens) if index == 0 or token.special or token.text]
    return [*begun, len(tokens)]


def _edited(one: Sequence[Token], other: Sequence[Token]) -> list[Aligned]:
    """The parts of two different texts."""
    aligned: list[Aligned] = []
    begin = start = 0
    for i, j in [*_kept(one, other), (len(one), len(other))]:
        aligned += _stretch(one[begin:i], other[start:j], begin, start)
        if i < len(one):
            aligned.append(((i, i + 1), (j, j + 1)))
        begin, start = i + 1, j + 1
    return aligned


def _kept(one: Sequence[Token], other: Sequence[Token]) -> list[tuple[int, int]]:
    """Pairs of those that say the same and stay, in order."""
    keys = [[_said([token]) for token in side] for side in (one, other)]
    equal = np.array([[a == b for b in keys[1]] for a in keys[0]], dtype=bool).reshape(len(one), len(other))
    head, tail = shared_ends(equal)
    ends = len(one) - tail, len(other) - tail
    middle = kept_by_shortest_script(equal[head : ends[0], head : ends[1]])
    return [
        *((index, index) for index in range(head)),
        *((head + i, head + j) for i, j in middle),
        *((ends[0] + index, ends[1] + index) for index in range(tail)),
    ]


def common_units(
    one: Sequence[Token], other: Sequence[Token], *, boundary: tuple[int, int] | None = None
) -> list[Aligned]:
    """Those of `aligned_units` that say the same on both sides; what only one text says is left out.

    Args:
        one: Tokens of one text.
        other: Tokens of the other.
        boundary: As of `aligned_units`.
    """
    return saying_the_same(one, other, aligned_units(one, other, boundary=boundary))


def saying_the_same(one: Sequence[Token], other: Sequence[Token], aligned: Sequence[Aligned]) -> list[Aligned]:
    """Those of some aligned parts of two texts that say the same on both sides."""
    return [((a, b), (c, d)) for (a, b), (c, d) in aligned if b > a and d > c and _said(one[a:b]) == _said(other[c:d])]


def _said(tokens: Sequence[Token]) -> tuple[bool, str]:
    """What must agree for two stretches to be the same."""
    bare = "".join("".join(token.text.split()) for token in tokens)
    return all(token.special for token in tokens), bare or "".join(token.text for token in tokens)


def _characters(tokens: Sequence[Token]) -> str:
    """What tokens say, without special ones and white space."""
    return "".join("".join(token.text.split()) for token in tokens if not token.special)


def _stretch(one: Sequence[Token], other: Sequence[Token], begin: int, start: int) -> list[Aligned]:
    """Parts of a stretch that stands for another one, which begin at these indices."""
    if one and other and _characters(one) == _characters(other) != "":
        return _same_text(one, other, begin, start)
    a, b, c, d = begin, begin + len(one), start, start + len(other)
    if len(one) == len(other):
        return [((a + i, a + i + 1), (c + i, c + i + 1)) for i in range(len(one))]
    if one and other:
        return [((a, b), (c, d))]
    return [*(((i, i + 1), (c, c)) for i in range(a, b)), *(((b, b), (j, j + 1)) for j in range(c, d))]


def _same_text(one: Sequence[Token], other: Sequence[Token], begin: int, start: int) -> list[Aligned]:
    """Two cuts of one text: smallest parts of the same characters."""
    sides = (one, other)
    first, place, read = [0, 0], [0, 0], [0, 0]
    aligned: list[Aligned] = []

    def close(lengths: tuple[int, int]) -> None:
        a, c = begin + first[0], start + first[1]
        aligned.append(((a, a + lengths[0]), (c, c + lengths[1])))
        for side in (0, 1):
            first[side] += lengths[side]
            place[side] = first[side]

    while place[0] < len(one) or place[1] < len(other):
        at = [sides[side][place[side]] if place[side] < len(sides[side]) else None for side in (0, 1)]
        if first == place:  # a common boundary
            lone = [token is not None and token.special for token in at]
            blank = [token is not None and not token.special and not token.text.strip() for token in at]
            if all(lone) and at[0] is not None and at[1] is not None and at[0].text == at[1].text:
                close((1, 1))
                continue
            if any(lone):
                close((1, 0) if lone[0] else (0, 1))
                continue
            if all(blank):
                close((1, 1))
                continue
            if at[0] is None or at[1] is None:
                close((1, 0) if at[1] is None else (0, 1))
                continue
        side = 0 if at[1] is None or (at[0] is not None and read[0] <= read[1]) else 1
        token = at[side]
        assert token is not None  # one of both is left
        read[side] += 0 if token.special else len("".join(token.text.split()))
        place[side] += 1
        if read[0] == read[1] and all(place[one_side] > first[one_side] for one_side in (0, 1)):
            for one_side in (0, 1):
                while place[one_side] < len(sides[one_side]) and sides[one_side][place[one_side]].text == "":
                    place[one_side] += 1
            close((place[0] - first[0], place[1] - first[1]))
    return aligned
