"""The unnormalised score of the token in question."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array, at_least_single
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("logit", span_aggregation="absmax", differentiable=True, aliases=("logits",))
@frozen(kw_only=True)
class Logit(StepFunction):
    """The logit ``z(y)`` of the token, before the softmax.

    Only differences of logits within one step mean something: a constant added to all of them changes no
    probability.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats up to a constant per step."""
        return at_least_single(prediction.at_target(prediction.logits))
