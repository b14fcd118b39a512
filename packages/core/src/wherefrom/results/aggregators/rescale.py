"""Bring a whole example's scores to the range from -1 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators._record import finite_sizes, recorded, scaled
from wherefrom.results.data import AnyAttribution
from wherefrom.results.details import in_other_units


@aggregator("rescale")
@frozen(kw_only=True)
class Rescale(Aggregator):
    """All scores divided by the largest absolute value among the finite ones, so that steps stay comparable.

    Pairs that interact and standard errors are divided too.
    """

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        present = {
            name: scores
            for name, scores in (
                ("source_attributions", attribution.source_attributions),
                ("target_attributions", attribution.target_attributions),
            )
            if scores is not None
        }
        largest = max((float(finite_sizes(scores).max(initial=0)) for scores in present.values()), default=0.0)
        divisor = np.float64(largest or 1.0)
        changes: dict[str, Any] = {name: scaled(np.divide, scores, divisor) for name, scores in present.items()}
        steps = attribution.attr_pos_end - attribution.attr_pos_start
        changes["details"] = in_other_units(attribution.details, np.full(steps, 1 / divisor))
        return recorded(attribution, self, **changes)
