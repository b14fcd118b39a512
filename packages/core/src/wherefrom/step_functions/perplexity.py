"""Among how many equally likely tokens the one in question might have been."""

from __future__ import annotations

import math

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function
from wherefrom.step_functions.crossentropy import CrossEntropy


@step_function("perplexity", span_aggregation="prod", differentiable=True, falls_with_probability=True)
@frozen(kw_only=True)
class Perplexity(StepFunction):
    """Perplexity ``exp(-ln p(y)) = 1 / p(y)`` of the token.

    Over a span it multiplies to the inverse of the span's probability; the usual perplexity of a text of n
    tokens is the n-th root of that. It saturates near the largest number of its type (3e38 in float32)
    rather than become infinite.
    """

    @property
    def logarithm(self) -> CrossEntropy:
        """Its natural logarithm, which adds up over a span."""
        return CrossEntropy()

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, at least 1."""
        xp = prediction.xp
        nats = -prediction.log_probability()
        ceiling = math.floor(math.log(float(xp.finfo(nats.dtype).max)))
        return xp.exp(xp.where(nats < ceiling, nats, xp.full_like(nats, ceiling)))
