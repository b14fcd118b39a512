"""What a page knows of two of its examples side by side: which tokens correspond, and how far their ranks agree.

A page could hold a comparison of any two of its examples; those of one text are prepared: all of a few, neighbours
among many.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from attrs import frozen
from wherefrom.arrays import BoolArray
from wherefrom.results.attribution import Attribution
from wherefrom.results.comparison import merged_cells, spearman_by_step
from wherefrom.results.contributors import joint
from wherefrom.text.carrying import carrying
from wherefrom.text.common_units import Aligned, common_units
from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Token

from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import aggregated, partition_of
from wherefrom_viz.describe.units import Level, Merge
from wherefrom_viz.page.packing import flags_of

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
    ready: dict[int, Attribution] = {}
    for one, other in itertools.islice(_candidates(attributions), MOST_PAIRS):
        for place in (one, other):
            if place not in ready:
                ready[place] = aggregated(attributions[place])[0]
        pair = _pair(ready[one], ready[other])
        if pair is not None:
            found.append({"a": one, "b": other, **pair.plain(merge)})
    return found


def _candidates(attributions: Sequence[Attribution]) -> Iterable[tuple[int, int]]:
    if len(attributions) <= ALL_AMONG:
        return itertools.combinations(range(len(attributions)), 2)
    alike: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(attributions):
        alike["".join("".join(token.text.split()) for token in one.target if not token.special)].append(place)
    return itertools.chain.from_iterable(
        itertools.combinations(places, 2) if len(places) <= ALL_AMONG else itertools.pairwise(places)
        for places in alike.values()
    )


@frozen(kw_only=True, eq=False)
class _Pair:
    """Two examples on the tokens of both, those that only one has among them."""

    first: Attribution
    """The one's scores on these tokens; 0 for those of the other alone."""
    second: npt.NDArray[np.float64]
    """The other's. Shape ``(inputs, steps)``."""
    both: BoolArray
    """Which cells both have. Same shape."""
    alone: tuple[BoolArray, BoolArray]
    """Which rows, and which columns, only one has."""
    groups: dict[str, list[Aligned]]
    """Side to the tokens of the one and of the other that each token here stands for."""
    same: dict[str, bool]
    """Have both the same tokens on a side?"""

    def plain(self, merge: Merge) -> dict[str, Any]:
        """As the page reads it."""
        first = self.first
        found: dict[str, Any] = {"from": first.attr_pos_start, "to": first.attr_pos_end, "merge": merge}
        for name, groups in self.groups.items():
            aligned = len(groups) if self.same[name] else [[*mine, *its] for mine, its in groups]
            found[name] = {"f": flags_of(first, name), "g": aligned}
        return {**found, "agreement": self.agreement(merge)}

    def agreement(self, merge: Merge) -> dict[str, list[float | None]]:
        """Rank correlation of each output, by kind of units; kinds in which every token is a unit are left out."""
        scores, visible, _ = joint(self.first)
        tokens = partition_of(self.first, "token")
        found: dict[str, list[float | None]] = {}
        for level in LEVELS:
            cut = partition_of(self.first, level)
            if level != "token" and cut == tokens:
                continue
            both = units.merge_visible(units.merge_visible(self.both, cut.rows).T, cut.columns).T
            for axis, starts in enumerate((cut.rows, cut.columns)):  # a unit of which one text lacks a part is another
                both[(slice(None),) * axis + (units.merge_visible(self.alone[axis], starts),)] = False
            one, other = (cut.merged(half, visible, merge) for half in (scores, self.second))
            values = spearman_by_step(one, other, both)
            found[level] = [round(float(value), 6) if np.isfinite(value) else None for value in values]
        return found


def _pair(one: Attribution, other: Attribution) -> _Pair | None:
    """The two on common tokens; None if they have no explained token or no input in common, or other sides."""
    names = [
        name
        for name in ("source", "target")
        if getattr(one, f"{name}_attributions") is not None and getattr(other, f"{name}_attributions") is not None
    ]
    groups = {
        "source": _with_loners(one.source, other.source),
        "target": _with_loners(one.target, other.target, (one.attr_pos_start, other.attr_pos_start)),
    }
    explained = _explained(groups["target"], one, other)
    if explained is None or not any(all(map(_size, group)) for name in names for group in groups[name]):
        return None
    first, last = explained
    tokens = {name: _tokens(groups[name], getattr(one, name), getattr(other, name)) for name in groups}
    halves = []
    for side, own in enumerate((one, other)):
        scores, visible, places = joint(own)
        begins = {name: next((row for row, place in enumerate(places) if place[0] == name), 0) for name in names}
        rows = [
            (begins[name] + group[side][0], begins[name] + group[side][1]) for name in names for group in groups[name]
        ]
        count = own.attr_pos_end - own.attr_pos_start
        columns = [
            (
                min(count, max(0, group[side][0] - own.attr_pos_start)),
                min(count, max(0, group[side][1] - own.attr_pos_start)),
            )
            for group in groups["target"][first:last]
        ]
        halves.append(merged_cells(np.where(visible, scores, 0.0), visible, rows, columns))
    (mine, seen), (its, seen_too) = halves
    split = len(groups["source"]) if "source" in names else 0
    prompt = first
    if one.source_attributions is None:
        prompt = sum(start < len(one.source) for (start, _), _ in groups["target"])
    carriers = {name: carrying(getattr(one, name), [own for own, _ in groups[name]], tokens[name]) for name in groups}
    return _Pair(
        first=one.replace(
            source=tokens["source"] if "source" in names else tokens["target"][:prompt],
            target=tokens["target"],
            attr_pos_start=first,
            attr_pos_end=last,
            source_attributions=mine[:split] if "source" in names else None,
            target_attributions=mine[split:] if "target" in names else None,
            step_scores={},
            sequence_scores={},
            segments=tuple(
                moved for segment in one.segments if (moved := carriers[segment.side].segment(segment)) is not None
            ),
        ),
        second=its,
        both=seen & seen_too,
        alone=(_alone(group for name in names for group in groups[name]), _alone(groups["target"][first:last])),
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


def _alone(groups: Iterable[Aligned]) -> BoolArray:
    return np.array([not all(map(_size, group)) for group in groups], dtype=bool)


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
