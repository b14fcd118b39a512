"""Where the words and sentences of a result are cut in any case."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from wherefrom.results.data import TRACE, AttributionData
from wherefrom.text.segmentation import edges_of
from wherefrom.text.tokens import Token


def breaks_of(attribution: AttributionData, side: str) -> frozenset[int]:
    """Indices of one side's tokens at which a unit begins in any case: `boundaries_of`, and where one writer's text
    ends (`wherefrom.text.segmentation.edges_of`)."""
    tokens = attribution.source if side == "source" else attribution.target
    own = side if attribution.encoded else "target"  # a decoder-only model's source is its prompt
    edges = edges_of(tokens, [one for one in attribution.segments if one.side == own])
    return edges | boundaries_of(attribution, side)


def boundaries_of(attribution: AttributionData, side: str) -> frozenset[int]:
    """Where the explained steps begin and, of a decoder-only model, where the prompt ends, as units that are removed
    do (`wherefrom.methods.perturbation.units`); and where tokens in between were left out."""
    gaps = gaps_in(attribution.source if side == "source" else attribution.target)
    return columns_begin(attribution, side) | gaps | (frozenset() if side == "source" else {attribution.answer_start})


def answers_begin(one: AttributionData, other: AttributionData) -> tuple[int, int] | None:
    """Where the answers of two results begin in their targets, so that prompts are aligned with prompts; None where a
    decoder has no prompt, since all of its target is said."""
    return None if one.encoded else (one.answer_start, other.answer_start)


def gaps_in(tokens: Sequence[Token]) -> frozenset[int]:
    """Indices of the tokens that do not follow the one before, as after `wherefrom.aggregators.Slices`."""
    pairs = enumerate(pairwise(tokens), start=1)
    return frozenset(index for index, (one, other) in pairs if other.position != one.position + one.size)


def columns_begin(attribution: AttributionData, side: str) -> frozenset[int]:
    """Indices at which a unit of columns begins whatever the units: the first explained step. Columns of a trace are
    the same mass hop by hop, so that each is alone."""
    if side == "source":
        return frozenset()
    first = attribution.attr_pos_start
    return frozenset(range(first, max(first + 1, attribution.attr_pos_end if TRACE in attribution.details else first)))
