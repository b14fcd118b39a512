"""What a page knows of two of its examples side by side: which tokens correspond, and how far their ranks agree.

A page could hold a comparison of any two of its examples; those of one text are prepared: all of a few, neighbours
among many.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from wherefrom.errors import InputError
from wherefrom.results import comparison
from wherefrom.results.attribution import Attribution
from wherefrom.text.correspondence import Aligned, align
from wherefrom.text.tokens import Token

from wherefrom_viz.describe import units
from wherefrom_viz.describe.comparison import agreement_of
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
        try:
            common = comparison.on_common_units(ready[one], ready[other])
        except InputError:
            continue  # of other texts, or of other sides: there is nothing to compare
        found.append({"a": one, "b": other, **_described(ready[one], ready[other], common, merge)})
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


def _described(one: Attribution, other: Attribution, common: comparison.CommonUnits, merge: Merge) -> dict[str, Any]:
    first = common.first
    sides = {}
    for name, mine, theirs, tokens in (
        ("source", one.source, other.source, first.source),
        ("target", one.target, other.target, first.target),
    ):
        if name == "target" or first.source_attributions is not None:
            segments = [segment for segment in first.segments if segment.side == name]
            breaks = (first.attr_pos_start,) if name == "target" else ()
            sides[name] = _side(align(mine, theirs), mine, tokens, flags_of(tokens, segments, breaks))
    partitions = {level: partition_of(first, level) for level in LEVELS}
    agreement: dict[str, list[float | None]] = {}
    for level in LEVELS:
        if level != "token" and partitions[level] == partitions["token"]:
            continue  # the page takes those of tokens
        values = agreement_of(common, granularity=level, merge=merge)
        agreement[level] = [round(float(value), 6) if np.isfinite(value) else None for value in values]
    return {"from": first.attr_pos_start, "to": first.attr_pos_end, "merge": merge, **sides, "agreement": agreement}


def _side(aligned: Sequence[Aligned], own: Sequence[Token], tokens: Sequence[Token], flags: str) -> dict[str, Any]:
    """Where each common unit's tokens are in both; a number alone if the two have the same tokens."""
    same = all(a == c and b == d and b - a == 1 for (a, b), (c, d) in aligned) and tuple(own) == tuple(tokens)
    return {"f": flags, "g": len(aligned) if same else [[*mine, *theirs] for mine, theirs in aligned]}
