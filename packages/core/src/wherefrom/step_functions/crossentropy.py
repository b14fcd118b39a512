"""How badly the model predicted the token in question."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("crossentropy", span_aggregation="sum", differentiable=True, falls_with_probability=True)
@frozen(kw_only=True)
class CrossEntropy(StepFunction):
    """Cross-entropy ``-ln p(y)`` of the token: the loss that language models are trained with.

    0 if the model was certain of it. Over a span it adds up.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats, at least 0."""
        return -prediction.log_probability()
