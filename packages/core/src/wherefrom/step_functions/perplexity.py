"""Among how many equally likely tokens the one in question might have been."""

from __future__ import annotations

import math
from typing import ClassVar

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepPrediction, step_function


@step_function()
@frozen(kw_only=True)
class Perplexity:
    """Perplexity ``exp(-ln p(y)) = 1 / p(y)`` of the token.

    Over a span it multiplies to the inverse of the span's probability; the usual perplexity of a text of n
    tokens is the n-th root of that. It saturates near the largest number of its type (3e38 in float32)
    rather than become infinite.
    """

    identifier: ClassVar[str] = "perplexity"
    span_aggregation = "prod"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, at least 1."""
        xp = prediction.xp
        nats = -prediction.log_probability()
        ceiling = math.floor(math.log(float(xp.finfo(nats.dtype).max)))
        return xp.exp(xp.where(nats < ceiling, nats, xp.full_like(nats, ceiling)))
