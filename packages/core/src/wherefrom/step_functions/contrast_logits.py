"""The unnormalised score of the contrastive token."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array, at_least_single
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function(
    "contrast_logits",
    span_aggregation="absmax",
    differentiable=True,
    contrastive=True,
    reads_contrast_alone=True,
    falls_with_probability=True,
    plain_without_contrast=True,
)
@frozen(kw_only=True)
class ContrastLogits(StepFunction):
    """The logit ``z'(y')`` of the contrastive token in the contrastive prediction.

    Without a contrast it is the plain logit of the token in question. As a target of attribution it is read in the
    original context: ``contrast_force_inputs=True`` would make it a constant.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats up to a constant per step."""
        asked = prediction.contrast or prediction
        return at_least_single(asked.at_target(asked.logits))
