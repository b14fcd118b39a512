"""The unnormalised score of the contrastive token."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepPrediction, step_function, widened


@step_function()
@frozen(kw_only=True)
class ContrastLogits:
    """The logit ``z'(y')`` of the contrastive token in the contrastive prediction.

    Without a contrast it is the plain logit of the token in question.
    """

    identifier: ClassVar[str] = "contrast_logits"
    span_aggregation = "absmax"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = True
    sampled: ClassVar[bool] = False

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats up to a constant per step."""
        asked = prediction.contrast or prediction
        return widened(asked.at_target(asked.logits))
