"""Are two results the same, up to rounding?"""

from __future__ import annotations

from typing import Any

import numpy as np

from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.given import no_result, require_result

_EXACT = (
    "source",
    "target",
    "attr_pos_start",
    "attr_pos_end",
    "dimensions",
    "method",
    "aggregations",
)


def same_attribution(one: AttributionData, other: AttributionData, *, atol: float = 1e-5, rtol: float = 1e-5) -> bool:
    """Same tokens, steps, stages and method, and numbers that are close.

    Raises:
        InputError: One is no example.
    """
    for each in (one, other):
        require_result(each)
    if any(getattr(one, name) != getattr(other, name) for name in _EXACT):
        return False
    return all(
        _close(getattr(one, name), getattr(other, name), atol, rtol)
        for name in ("source_attributions", "target_attributions", "step_scores", "sequence_scores")
    )


def same_attributions(
    one: AttributionsData[Any], other: AttributionsData[Any], *, atol: float = 1e-5, rtol: float = 1e-5
) -> bool:
    """Same examples in the same order; how they were made does not count.

    Raises:
        InputError: One does not hold several examples.
    """
    for each in (one, other):
        if not isinstance(each, AttributionsData):
            raise no_result(each)
    mine, theirs = one.sequence_attributions, other.sequence_attributions
    return len(mine) == len(theirs) and all(
        same_attribution(a, b, atol=atol, rtol=rtol) for a, b in zip(mine, theirs, strict=True)
    )


def _close(one: Any, other: Any, atol: float, rtol: float) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key], atol, rtol) for key in one)
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(np.allclose(one, other, atol=atol, rtol=rtol, equal_nan=True))
