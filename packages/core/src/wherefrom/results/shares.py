"""How much of an example's scores lies on a part of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wherefrom.arrays import BoolArray
from wherefrom.results.aggregation import aggregated
from wherefrom.results.data import AttributionData
from wherefrom.text.segmentation import placed_segments


def share_on(attribution: AttributionData, part: str) -> float | None:
    """Share of the magnitude of all visible scores, in [0, 1], after the default aggregation.

    Scores that are not finite count as 0. A segment has all that lies in it, segments within it included, so that
    shares of nested ones overlap; `wherefrom.results.parts.shares_by_part` deals everything out once.

    Args:
        attribution: The example.
        part: Label or kind of a segment, in any case; else ``"source"``, ``"prompt"``, ``"output"``, or
            ``"context"``, which is the segments of that name and the documents if there are any, else the source or
            prompt.

    Returns:
        None if there is no such part, no score but zeros, or scores whose sum is no number.
    """
    part = part.casefold()
    one = aggregated(attribution)
    alone = one.source_attributions is None or one.target_attributions is None
    chosen: list[BoolArray] = []
    sizes: list[npt.NDArray[np.float64]] = []
    if one.source_attributions is not None:
        sizes.append(_magnitudes(one.source_attributions, one.dimensions))
        own = _of_segments(one, "source", part)
        if not own.any() and part in ("source", "context", "input"):
            own[:] = True
        chosen.append(own)
    if one.target_attributions is not None:
        sizes.append(_magnitudes(one.target_attributions, one.dimensions) * one.target_visible)
        own = _of_segments(one, "target", part)
        if not own.any() and not any(side.any() for side in chosen):
            answered = one.answered_from
            output = np.array([token.position >= answered for token in one.target], dtype=bool)
            if part == "output":
                own = output
            elif part == "prompt" or (part in ("context", "input") and alone):
                own = ~output
        chosen.append(own)
    with np.errstate(over="ignore"):  # scores near the largest number there is
        total = sum(float(side.sum()) for side in sizes)
        if not 0 < total < np.inf or not any(side.any() for side in chosen):
            return None
        return sum(float(side[rows].sum()) for side, rows in zip(sizes, chosen, strict=True)) / total


def _of_segments(attribution: AttributionData, side: str, part: str) -> BoolArray:
    """Which inputs of a side lie in a segment of that name."""
    tokens = attribution.source if side == "source" else attribution.target
    chosen = np.zeros(len(tokens), dtype=bool)
    wanted = [
        segment
        for segment in attribution.segments
        if segment.side == side
        and (
            part in (segment.label.casefold(), segment.kind.casefold())
            or (part == "context" and segment.kind == "document")
        )
    ]
    for _, (start, end) in placed_segments(tokens, wanted):
        chosen[start:end] = True
    return chosen


def _magnitudes(scores: npt.NDArray[Any], dimensions: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """One size per cell: what no aggregation removed is summed (width) or averaged (layers, heads), as views do."""
    cells = finite_or_zero(scores)
    for name in reversed(dimensions):
        cells = cells.sum(axis=-1) if name == "width" else cells.mean(axis=-1)
    return np.abs(cells)


def finite_or_zero(scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The scores, 0 in place of those that are not finite: what lies on a part is told of the others."""
    return np.where(np.isfinite(scores), scores, 0.0).astype(np.float64)
