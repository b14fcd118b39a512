"""How much more the model scores the token than its contrast."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array, at_least_single
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function(
    "contrast_logits_diff",
    span_aggregation="absmax",
    differentiable=True,
    contrastive=True,
    plain_without_contrast=True,
)
@frozen(kw_only=True)
class ContrastLogitsDiff(StepFunction):
    """Difference of logits ``z(y) - z'(y')``: why this token rather than that one?

    Where both are read from one prediction, as for a target of attribution, it is the logarithm of the odds
    between the two tokens. 0 where the contrast is the same; swapping the two changes the sign. Without a
    contrast it is the plain logit ``z(y)``.

    Source: Yin & Neubig (2022), "Interpreting Language Models with Contrastive Explanations".
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats."""
        target = at_least_single(prediction.at_target(prediction.logits))
        other = prediction.contrast
        return target if other is None else target - at_least_single(other.at_target(other.logits))
