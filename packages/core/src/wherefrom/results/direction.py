"""Which way scores point: for what was said, or against it.

Signed scores of a target function that falls where the model becomes surer (a loss, an entropy) are positive for inputs
that speak against what was said. Whoever reads a positive score as support asks here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherefrom.results.aggregation import outstanding
from wherefrom.results.data import AttributionData

FALLS = "falls_with_probability"
"""Name of the detail: the identifier of the target function, where scores have a sign and it falls."""


def turned(result: AttributionData) -> str:
    """The target function of a result whose scores are turned before they are judged; empty: they stay as they are.

    Norms have no sign to turn, also those that the result's default aggregation is still to take.
    """
    normed = any(stage.settings.get("aggregate_fn") == "vnorm" for stage in outstanding(result))
    return "" if normed else str(result.details.get(FALLS, ""))


def without_direction(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details of scores that no longer have the sign they had."""
    return {name: value for name, value in details.items() if name != FALLS}
