"""What a step reads that the others do not."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.errors import InputError
from wherefrom.results.aggregation import Aggregator, aggregated, aggregator
from wherefrom.results.aggregators._record import recorded
from wherefrom.results.aggregators.normalize import Normalize
from wherefrom.results.data import TRACE, AnyAttribution
from wherefrom.results.direction import without_direction
from wherefrom.results.measured import without_measures


@aggregator("against_other_steps")
@frozen(kw_only=True)
class AgainstOtherSteps(Aggregator):
    """Each step's scores, normalised, minus the mean over all explained steps.

    What every step reads alike (the first token, the question, the format) goes to zero, and what one step reads more
    than the others stays, with a sign. Inputs that some steps could not see are compared with the mean of those that
    could. What a check found, standard errors and pairs that interact are told of the scores before, and go. No model
    is asked. Made for attention and its kin over long inputs; where the other steps restate the evidence it takes the
    evidence away as well.
    """

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        if TRACE in attribution.details:
            raise InputError(
                "against_other_steps compares steps with each other, and the columns of a trace are hops. Give the "
                "result that was traced."
            )
        steps = attribution.attr_pos_end - attribution.attr_pos_start
        if steps < 2:
            raise InputError(
                f"against_other_steps compares steps with each other, and {steps} was explained. "
                "Explain the whole output, then look at the step you mean."
            )
        one = Normalize()(aggregated(attribution) if attribution.dimensions else attribution)
        changes: dict[str, Any] = {"signed": True}
        if not one.signed:
            changes["details"] = without_direction(one.details, signed=True)
        if one.source_attributions is not None:
            changes["source_attributions"] = one.source_attributions - one.source_attributions.mean(axis=1)[:, None]
        if one.target_attributions is not None:
            visible = one.target_visible
            counts = visible.sum(axis=1)
            sums = np.where(visible, one.target_attributions, 0.0).sum(axis=1)
            mean = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
            changes["target_attributions"] = np.where(visible, one.target_attributions - mean[:, None], 0.0).astype(
                one.target_attributions.dtype
            )
        return recorded(one, self, **changes | without_measures(one, changes))
