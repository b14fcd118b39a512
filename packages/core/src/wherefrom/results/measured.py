"""What was measured of a result's scores, and is told of those alone: a check, standard errors, a completeness gap.

Whoever makes other scores asks here. To multiply all scores of a step by one positive number makes no others: they
rank as they did, and what has their unit is multiplied too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherefrom.results.card import CHANCE, FIT, STABILITY
from wherefrom.results.data import AttributionData
from wherefrom.results.details import OF_SCORES

CHECKED = (FIT, CHANCE, STABILITY)
"""Step scores that say how far one run's scores can be trusted."""


def without_measures(attribution: AttributionData, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What else changes where the scores in ``changes`` are others than those that something was measured of."""
    step_scores = changes.get("step_scores", attribution.step_scores)
    details = changes.get("details", attribution.details)
    return {
        "step_scores": {name: values for name, values in step_scores.items() if name not in CHECKED},
        "details": {name: value for name, value in details.items() if name not in OF_SCORES},
    }
