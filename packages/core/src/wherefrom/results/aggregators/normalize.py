"""Bring every step's scores to the same sum."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators._record import column_sums, recorded, scaled
from wherefrom.results.data import AnyAttribution


@aggregator("normalize")
@frozen(kw_only=True)
class Normalize(Aggregator):
    """Each step's scores divided by the sum of their absolute values, over source and target together.

    Afterwards absolute values sum to 1 in every column (and every remaining dimension) that has a score other than 0.
    Step and sequence scores stay as they are, and so do scores that are not finite, which take no part in the sum.
    Normalising twice in a row is normalising once.
    """

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        if attribution.aggregations and attribution.aggregations[-1].name == self.identifier:
            return attribution
        sums = column_sums(attribution)
        divisor = np.where(sums > 0, sums, 1)
        changes = {
            name: scaled(np.divide, scores, divisor)
            for name, scores in (
                ("source_attributions", attribution.source_attributions),
                ("target_attributions", attribution.target_attributions),
            )
            if scores is not None
        }
        return recorded(attribution, self, **changes)
