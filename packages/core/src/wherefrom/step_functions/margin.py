"""By how much the token beats all others."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array, at_least_single, like
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("margin", span_aggregation="min", differentiable=True)
@frozen(kw_only=True)
class Margin(StepFunction):
    """Logit of the token minus the best logit of any other: ``z(y) - max_{v≠y} z(v)``, their log-odds.

    Positive if the token is the model's first choice, negative if another one is. A contrast that the model
    chooses itself.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats."""
        xp = prediction.xp
        logits = at_least_single(prediction.logits)
        target = prediction.target_ids[:, None]
        is_target = like(logits, range(logits.shape[-1]), dtype=target.dtype)[None, :] == target
        others = xp.where(is_target, xp.full_like(logits, -float("inf")), logits)
        return prediction.at_target(logits) - xp.max(others, axis=-1)
