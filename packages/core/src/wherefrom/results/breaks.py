"""Where the words and sentences of a result are cut in any case."""

from __future__ import annotations

from wherefrom.results.data import AttributionData
from wherefrom.text.segmentation import edges_of


def breaks_of(attribution: AttributionData, side: str) -> frozenset[int]:
    """Indices of one side's tokens at which a unit begins in any case: `boundaries_of`, and where one writer's text
    ends (`wherefrom.text.segmentation.edges_of`)."""
    tokens = attribution.source if side == "source" else attribution.target
    own = "target" if attribution.source_attributions is None else side  # a decoder-only model's source is its prompt
    edges = edges_of(tokens, [one for one in attribution.segments if one.side == own])
    return edges | boundaries_of(attribution, side)


def boundaries_of(attribution: AttributionData, side: str) -> frozenset[int]:
    """Where the explained steps begin and, of a decoder-only model, where the prompt ends, as units that are removed
    do (`wherefrom.methods.perturbation.units`)."""
    return frozenset() if side == "source" else frozenset([attribution.attr_pos_start, attribution.answer_start])
