"""The probability of the contrastive token."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function(
    "contrast_prob",
    differentiable=True,
    contrastive=True,
    reads_contrast_alone=True,
    falls_with_probability=True,
    plain_without_contrast=True,
)
@frozen(kw_only=True)
class ContrastProb(StepFunction):
    """Probability ``p'(y')`` of the contrastive token in the contrastive prediction, or its natural
    logarithm.

    Without a contrast it is the plain probability of the token in question. As a target of attribution it is read in
    the original context: ``contrast_force_inputs=True`` would make it a constant.
    """

    logprob: bool = False
    """Give ``ln p'(y')`` instead, in nats."""

    @property
    def span_aggregation(self) -> str:
        """``"prod"``, or ``"sum"`` for logarithms."""
        return "sum" if self.logprob else "prod"

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``: in [0, 1], or in nats and at most 0."""
        asked = prediction.contrast or prediction
        log_probability = asked.log_probability()
        return log_probability if self.logprob else prediction.xp.exp(log_probability)
