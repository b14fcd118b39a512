"""How badly the model predicted the token in question."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepPrediction, step_function


@step_function()
@frozen(kw_only=True)
class CrossEntropy:
    """Cross-entropy ``-ln p(y)`` of the token: the loss that language models are trained with.

    0 if the model was certain of it. Over a span it adds up.
    """

    identifier: ClassVar[str] = "crossentropy"
    span_aggregation = "sum"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats, at least 0."""
        return -prediction.log_probability()
