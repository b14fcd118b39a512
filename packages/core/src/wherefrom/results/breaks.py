"""Where the words and sentences of a result are cut in any case."""

from __future__ import annotations

from typing import Literal

from wherefrom.results.data import AttributionData
from wherefrom.text.segmentation import edges_of


def breaks_of(attribution: AttributionData, side: Literal["source", "target"]) -> frozenset[int]:
    """Indices of one side's tokens at which a unit begins in any case: where the explained steps do, and where one
    writer's text ends (`wherefrom.text.segmentation.edges_of`)."""
    tokens = attribution.source if side == "source" else attribution.target
    own = "target" if attribution.source_attributions is None else side  # a decoder-only model's source is its prompt
    edges = edges_of(tokens, [one for one in attribution.segments if one.side == own])
    return edges | {attribution.attr_pos_start} if side == "target" else edges
