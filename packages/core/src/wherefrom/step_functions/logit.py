"""The unnormalised score of the token in question."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepPrediction, step_function, widened


@step_function("logits")
@frozen(kw_only=True)
class Logit:
    """The logit ``z(y)`` of the token, before the softmax.

    Only differences of logits within one step mean something: a constant added to all of them changes no
    probability.
    """

    identifier: ClassVar[str] = "logit"
    span_aggregation = "absmax"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats up to a constant per step."""
        return widened(prediction.at_target(prediction.logits))
