"""Bring every step's scores to the same sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.results.aggregation import Aggregator, aggregator, removals
from wherefrom.results.aggregators._record import column_sums, recorded, scaled
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.details import in_other_units
from wherefrom.results.measured import without_measures


@aggregator("normalize")
@frozen(kw_only=True)
class Normalize(Aggregator):
    """Each step's scores divided by the sum of their absolute values, over source and target together.

    Afterwards absolute values sum to 1 in every column (and every remaining dimension) that has a score other than 0.
    Step and sequence scores stay as they are, and so do scores that are not finite, which take no part in the sum.
    Pairs that interact and standard errors are divided too. Normalising twice in a row is normalising once.
    """

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        if attribution.aggregations and attribution.aggregations[-1].name == self.identifier:
            return attribution
        sums = column_sums(attribution)
        divisor = np.where(sums > 0, sums, 1)
        changes: dict[str, Any] = {
            name: scaled(np.divide, scores, divisor)
            for name, scores in (
                ("source_attributions", attribution.source_attributions),
                ("target_attributions", attribution.target_attributions),
            )
            if scores is not None
        }
        if not attribution.dimensions:
            changes["details"] = in_other_units(attribution.details, 1 / divisor)
        elif not _is_default(attribution):  # sums and means over the others are other scores than without it
            changes |= without_measures(attribution, changes)
        return recorded(attribution, self, **changes)


def _is_default(attribution: AttributionData) -> bool:
    """Does the method's default aggregation normalise, too, while there are so many dimensions left?"""
    default = attribution.default_aggregation
    places, left = removals(default), len(attribution.dimensions)
    return left < len(places) and default[places[-left] - 1].name in ("normalize", "scores")
