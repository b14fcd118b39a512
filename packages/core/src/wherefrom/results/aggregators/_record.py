"""Small things that every aggregator shares: recording itself, and the inputs of an attribution side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from wherefrom.arrays import BoolArray
from wherefrom.results.aggregation import Aggregator, stage_of
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.direction import without_direction
from wherefrom.results.stages import Stage


def recorded(attribution: AnyAttribution, by: Aggregator | Stage, **changes: Any) -> AnyAttribution:
    """The attribution with ``changes``, and the aggregator written down as applied."""
    stage = by if isinstance(by, Stage) else stage_of(by)
    return attribution.replace(aggregations=(*attribution.aggregations, stage), **changes)


def of_other_sign(attribution: AttributionData, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What else changes where the function that made the scores in ``changes`` does not keep signs."""
    scores = (changes.get(name) for name in ("source_attributions", "target_attributions"))
    signed = any(bool((part < 0).any()) for part in scores if part is not None)
    return {
        "signed": signed,
        "details": without_direction(changes.get("details", attribution.details), signed=signed),
    }


def target_mask(attribution: AttributionData, values: npt.NDArray[Any]) -> BoolArray:
    """`Attribution.target_visible` with one more axis for each dimension of ``values``."""
    return attribution.target_visible.reshape(*values.shape[:2], *(1,) * (values.ndim - 2))


def column_sums(attribution: AttributionData) -> npt.NDArray[Any]:
    """Sum of the finite absolute scores, over source and target inputs together, in double precision. Shape ``(steps,
    *dimensions)``."""
    sums: npt.NDArray[Any] | float = 0.0
    for scores in (attribution.source_attributions, attribution.target_attributions):
        if scores is not None:
            sums = sums + finite_sizes(scores).sum(axis=0, dtype=np.float64)
    return np.asarray(sums)


def scaled(how: np.ufunc, scores: npt.NDArray[Any], by: Any) -> npt.NDArray[Any]:
    """``how(scores, by)`` with the precision of the scores, of whole numbers as floating point; computed in that of
    ``by``, where it is higher."""
    kind = scores.dtype if scores.dtype.kind == "f" else np.result_type(scores.dtype, np.float32)
    return np.asarray(how(scores, by, out=np.empty(scores.shape, dtype=kind), casting="same_kind"))


def finite_sizes(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Absolute scores, 0 where one is not finite."""
    return np.where(np.isfinite(scores), np.abs(scores), 0).astype(scores.dtype, copy=False)
