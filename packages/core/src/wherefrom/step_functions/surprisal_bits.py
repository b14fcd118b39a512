"""How surprising the token was, in the unit of psycholinguistics."""

from __future__ import annotations

import math

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("surprisal_bits", span_aggregation="sum", differentiable=True, falls_with_probability=True)
@frozen(kw_only=True)
class SurprisalBits(StepFunction):
    """Surprisal ``-log2 p(y)`` of the token: its cross-entropy in bits. Over a span it adds up.

    Source: Hale (2001), "A Probabilistic Earley Parser as a Psycholinguistic Model".
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in bits, at least 0."""
        return prediction.log_probability() / -math.log(2.0)
