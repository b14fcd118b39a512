"""By how much the token beats all others."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from wherefrom.arrays import Array, like
from wherefrom.step_functions.base import StepPrediction, step_function, widened


@step_function()
@frozen(kw_only=True)
class Margin:
    """Logit of the token minus the best logit of any other: ``z(y) - max_{v≠y} z(v)``, their log-odds.

    Positive if the token is the model's first choice, negative if another one is. A contrast that the model
    chooses itself.
    """

    identifier: ClassVar[str] = "margin"
    span_aggregation = "min"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats."""
        xp = prediction.xp
        logits = widened(prediction.logits)
        target = prediction.target_ids[:, None]
        is_target = like(logits, range(logits.shape[-1]), dtype=target.dtype)[None, :] == target
        others = xp.where(is_target, xp.full_like(logits, -float("inf")), logits)
        return prediction.at_target(logits) - xp.max(others, axis=-1)
