"""How much more probable the token is than its contrast."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("contrast_prob_diff", differentiable=True, contrastive=True, plain_without_contrast=True)
@frozen(kw_only=True)
class ContrastProbDiff(StepFunction):
    """Difference of probabilities ``p(y) - p'(y')``: why this token rather than that one?

    0 where the contrast is the same; swapping the two changes the sign. Without a contrast it is the plain
    probability ``p(y)``.
    """

    logprob: bool = False
    """Give the difference of natural logarithms instead, in nats, as `LogprobDiff` does."""

    @property
    def span_aggregation(self) -> str:
        """``"absmax"``, as of other differences (a product of two negative ones is positive), or ``"sum"`` for
        logarithms."""
        return "sum" if self.logprob else "absmax"

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``: in [-1, 1], or in nats."""
        target, contrast = prediction.compared_log_probabilities()
        if not self.logprob:
            target, contrast = prediction.xp.exp(target), prediction.xp.exp(contrast)
        return target if prediction.contrast is None else target - contrast
