"""What a page knows of two of its examples side by side: which tokens correspond, and how far their ranks agree.

A page could hold a comparison of any two of its examples; those of one text are prepared: all of a few, neighbours
among many.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen
from wherefrom.arrays import BoolArray
from wherefrom.results.attribution import Attribution
from wherefrom.results.breaks import answers_begin
from wherefrom.results.comparison import merged_cells, spearman_by_step
from wherefrom.results.contributors import joint
from wherefrom.results.partners import bare_text
from wherefrom.text.carrying import carrying
from wherefrom.text.common_units import Aligned, common_units
from wherefrom.text.merging import Span, merged_token
from wherefrom.text.tokens import Token

from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import Partition, aggregated, partition_of, unit_starts_of_side
from wherefrom_viz.describe.units import Level, Merge
from wherefrom_viz.page.packing import FIRST_FLAG, FLAGS, flags_of

ALL_AMONG = 12
"""Up to so many examples, or examples of one text, every two are compared."""
MOST_PAIRS = 2_000
LEVELS: tuple[Level, ...] = (*units.LEVELS, "span")


def pairs_of(attributions: Sequence[Attribution], merge: Merge = "sum") -> list[dict[str, Any]]:
    """The pairs of a page as plain values.

    Args:
        attributions: The page's examples.
        merge: How scores of a unit's tokens become one before they are ranked.
    """
    found = []
    ready: dict[int, _Half] = {}
    for one, other in itertools.islice(_candidates(attributions), MOST_PAIRS):
        for place in (one, other):
            if place not in ready:
                ready[place] = _Half(attribution=aggregated(attributions[place])[0], merge=merge)
        pair = _pair(ready[one], ready[other])
        if pair is not None:
            found.append({"a": one, "b": other, **pair.plain()})
    return found


def _candidates(attributions: Sequence[Attribution]) -> Iterable[tuple[int, int]]:
    if len(attributions) <= ALL_AMONG:
        return itertools.combinations(range(len(attributions)), 2)
    alike: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(attributions):
        alike[bare_text(one.target)].append(place)
    return itertools.chain.from_iterable(
        itertools.combinations(places, 2) if len(places) <= ALL_AMONG else itertools.pairwise(places)
        for places in alike.values()
    )


@define(kw_only=True, eq=False)
class _Half:
    """An example, and its units of each kind."""

    attribution: Attribution
    merge: Merge
    known: dict[Level, tuple[Partition, npt.NDArray[np.float64], BoolArray]] = field(factory=dict)
    starts: dict[tuple[Level, str], tuple[int, ...]] = field(factory=dict)

    def units(self, level: Level) -> tuple[Partition, npt.NDArray[np.float64], BoolArray]:
        """Where units begin, their scores, NaN where one of theirs is no finite number, and which exist."""
        if level not in self.known:
            scores, visible, _ = joint(self.attribution)
            scores = np.where(visible, np.where(np.isfinite(scores), scores, np.nan), 0.0)
            cut = partition_of(self.attribution, level)
            if level != "token":
                scores, visible = cut.merged(scores, visible, self.merge), cut.any(visible)
            self.known[level] = cut, scores, visible
        return self.known[level]

    def as_tokens(self, level: Level) -> bool:
        """Is every token a unit, of the token's scores?"""
        (cut, scores, _), (tokens, own, _) = self.units(level), self.units("token")
        return cut == tokens and np.array_equal(scores, own, equal_nan=True)

    def starts_of(self, level: Level, side: str) -> tuple[int, ...]:
        """Which tokens of a side begin a unit."""
        if (level, side) not in self.starts:
            tokens = getattr(self.attribution, side)
            self.starts[level, side] = unit_starts_of_side(self.attribution, side, tokens, level)
        return self.starts[level, side]

    def first_row(self, side: str) -> int:
        """The row of a side's first token."""
        both = side == "target" and self.attribution.source_attributions is not None
        return len(self.attribution.source) if both else 0


@frozen(kw_only=True, eq=False)
class _Pair:
    """Two examples on the tokens of both, those that only one has among them."""

    halves: tuple[_Half, _Half]
    common: Attribution
    """The one on these tokens, without scores."""
    scored: tuple[str, ...]
    """Sides of which both have scores."""
    groups: dict[str, list[Aligned]]
    """Side to the tokens of the one and of the other that each token here stands for."""
    same: dict[str, bool]
    """Have both the same tokens on a side?"""

    def plain(self) -> dict[str, Any]:
        """As the page reads it."""
        common = self.common
        found: dict[str, Any] = {
            "from": common.attr_pos_start,
            "to": common.attr_pos_end,
            "merge": self.halves[0].merge,
            "alike": self.alike,
        }
        for name, groups in self.groups.items():
            aligned = len(groups) if self.same[name] else [[*mine, *its] for mine, its in groups]
            found[name] = {"f": self.flags(name), "g": aligned}
        return {**found, "agreement": self.agreement()}

    @property
    def alike(self) -> bool:
        """Are they of one text, so that they are what one looks at side by side?"""
        one, other = (half.attribution for half in self.halves)
        return all(bare_text(getattr(one, side)) == bare_text(getattr(other, side)) for side in ("source", "target"))

    def starts(self, level: Level, side: str) -> list[int]:
        """Which of the tokens here begin a unit: those that do in all texts that have them."""
        if level == "span":
            return list(unit_starts_of_side(self.common, side, getattr(self.common, side), level))
        begin = [set(half.starts_of(level, side)) for half in self.halves]
        forced = {0, self.common.attr_pos_start} if side == "target" else {0}
        return [
            place
            for place, group in enumerate(self.groups[side])
            if place in forced or all(span[0] in own for span, own in zip(group, begin, strict=True) if _size(span))
        ]

    def flags(self, side: str) -> str:
        """Letters of a side's tokens; see `wherefrom_viz.page.packing.FLAGS`."""
        kept = FLAGS["special"] | FLAGS["template"]
        flags = [(ord(letter) - FIRST_FLAG) & kept for letter in flags_of(self.common, side)]
        for level in units.LEVELS[1:]:
            for start in self.starts(level, side):
                flags[start] |= FLAGS[level]
        return "".join(chr(FIRST_FLAG + flag) for flag in flags)

    def agreement(self) -> dict[str, list[float | None]]:
        """Rank correlation of each output, by kind of units; kinds in which every token is a unit are left out."""
        first, last = self.common.attr_pos_start, self.common.attr_pos_end
        found: dict[str, list[float | None]] = {}
        for level in LEVELS:
            if level != "token" and all(half.as_tokens(level) for half in self.halves):
                continue
            rows = {side: _stretches(self.starts(level, side), len(self.groups[side])) for side in self.scored}
            columns = _stretches([start for start in self.starts(level, "target") if first <= start < last], last)
            values = []
            for whose, half in enumerate(self.halves):
                cut, scores, visible = half.units(level)
                begin, count = half.attribution.attr_pos_start, len(half.attribution.steps)
                ends = (*cut.rows, sum(len(getattr(half.attribution, side)) for side in half.attribution.scored_sides))
                wanted = [
                    _units_in(ends, self._own(side, span, whose, half.first_row(side)))
                    for side, spans in rows.items()
                    for span in spans
                ]
                steps = [_units_in((*cut.columns, count), self._own("target", span, whose, -begin)) for span in columns]
                values.append(merged_cells(scores, visible, wanted, steps))
            (one, seen), (other, seen_too) = values
            told = spearman_by_step(one, other, seen & seen_too)
            found[level] = [round(float(value), 6) if np.isfinite(value) else None for value in told]
        return found

    def _own(self, side: str, span: Span, whose: int, moved: int) -> Span | None:
        """What a unit here is of one text's tokens, counted from elsewhere; None if one text lacks a part of it."""
        groups = self.groups[side][slice(*span)]
        if not all(map(_size, itertools.chain.from_iterable(groups))):
            return None
        return groups[0][whose][0] + moved, groups[-1][whose][1] + moved


def _stretches(starts: Sequence[int], end: int) -> list[Span]:
    return list(itertools.pairwise([*starts, end]))


def _units_in(starts: Sequence[int], span: Span | None) -> Span:
    """Which units a span of tokens is; none, if it begins or ends within one.

    Args:
        starts: Of the units, and the end of the last.
    """
    if span is None:
        return (0, 0)
    first, end = (bisect_left(starts, edge) for edge in span)
    whole = end < len(starts) and (starts[first], starts[end]) == span
    return (first, end) if whole else (0, 0)


def _pair(one_half: _Half, other_half: _Half) -> _Pair | None:
    """The two on common tokens; None if they have no explained token or no input in common, or other sides."""
    one, other = one_half.attribution, other_half.attribution
    names = tuple(name for name in one.scored_sides if name in other.scored_sides)
    groups = {
        "source": _with_loners(one.source, other.source),
        "target": _with_loners(one.target, other.target, answers_begin(one, other)),
    }
    explained = _explained(groups["target"], one, other)
    if explained is None or not any(all(map(_size, group)) for name in names for group in groups[name]):
        return None
    first, last = explained
    tokens = {name: _tokens(groups[name], getattr(one, name), getattr(other, name)) for name in groups}
    prompt = sum(start < len(one.source) for (start, _), _ in groups["target"])
    carriers = {name: carrying(getattr(one, name), [own for own, _ in groups[name]], tokens[name]) for name in groups}
    blank = {name: np.zeros((len(tokens[name]), last - first)) if name in names else None for name in groups}
    return _Pair(
        halves=(one_half, other_half),
        common=one.replace(
            source=tokens["source"] if one.encoded else tokens["target"][:prompt],
            target=tokens["target"],
            attr_pos_start=first,
            attr_pos_end=last,
            source_attributions=blank["source"],
            target_attributions=blank["target"],
            step_scores={},
            sequence_scores={},
            segments=tuple(
                moved for segment in one.segments if (moved := carriers[segment.side].segment(segment)) is not None
            ),
        ),
        scored=names,
        groups={name: groups[name] for name in names} | {"target": groups["target"]},
        same={name: _same(groups[name], getattr(one, name), getattr(other, name)) for name in groups},
    )


def _with_loners(
    one: Sequence[Token], other: Sequence[Token], boundary: tuple[int, int] | None = None
) -> list[Aligned]:
    """The units that both have, and between them, each alone, the tokens of one or of the other."""
    found: list[Aligned] = []
    a = c = 0
    ends = ((len(one), len(one)), (len(other), len(other)))
    for (b, after), (d, after_too) in [*common_units(one, other, boundary=boundary), ends]:
        found += [((index, index + 1), (c, c)) for index in range(a, b)]
        found += [((b, b), (index, index + 1)) for index in range(c, d)]
        if after > b:
            found.append(((b, after), (d, after_too)))
        a, c = after, after_too
    return found


def _size(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _explained(groups: Sequence[Aligned], one: Attribution, other: Attribution) -> tuple[int, int] | None:
    """The stretch of groups that begins and ends with what both explain, and the loners around it that one does."""

    def by(group: Aligned) -> list[bool]:
        return [
            _size(span) > 0 and span[0] >= own.attr_pos_start and span[1] <= own.attr_pos_end
            for span, own in zip(group, (one, other), strict=True)
        ]

    common = [place for place, group in enumerate(groups) if all(by(group))]
    if not common:
        return None
    first, last = common[0], common[-1] + 1
    while first > 0 and any(by(groups[first - 1])) and not all(map(_size, groups[first - 1])):
        first -= 1
    while last < len(groups) and any(by(groups[last])) and not all(map(_size, groups[last])):
        last += 1
    return first, last


def _tokens(groups: Sequence[Aligned], one: Sequence[Token], other: Sequence[Token]) -> tuple[Token, ...]:
    tokens, position = [], 0
    for (a, b), (c, d) in groups:
        size = max(sum(token.size for token in one[a:b]), sum(token.size for token in other[c:d]))
        token = merged_token(one[a:b] if b > a else other[c:d])
        tokens.append(msgspec.structs.replace(token, position=position, size=size))
        position += size
    return tuple(tokens)


def _same(groups: Sequence[Aligned], one: Sequence[Token], other: Sequence[Token]) -> bool:
    return len(groups) == len(one) == len(other) and all(
        mine == its and _size(mine) == 1 and one[mine[0]].size == other[its[0]].size for mine, its in groups
    )
