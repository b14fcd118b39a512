"""The log-odds of the token against its contrast."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function(
    "logprob_diff", span_aggregation="sum", differentiable=True, contrastive=True, plain_without_contrast=True
)
@frozen(kw_only=True)
class LogprobDiff(StepFunction):
    """Difference of log-probabilities ``ln p(y) - ln p'(y')``: the contrast that adds up over spans.

    Where both are read from one prediction it equals the difference of logits. 0 where the contrast is the
    same; swapping the two changes the sign. Without a contrast it is the plain ``ln p(y)``.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats."""
        target, contrast = prediction.compared_log_probabilities()
        return target if prediction.contrast is None else target - contrast
