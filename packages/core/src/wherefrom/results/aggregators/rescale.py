"""Bring a whole example's scores to the range from -1 to 1."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators._record import finite_sizes, recorded, scaled
from wherefrom.results.data import AnyAttribution


@aggregator("rescale")
@frozen(kw_only=True)
class Rescale(Aggregator):
    """All scores divided by the largest absolute value among the finite ones, so that steps stay comparable."""

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
        changes = {name: scaled(np.divide, scores, np.float64(largest or 1.0)) for name, scores in present.items()}
        return recorded(attribution, self, **changes)
