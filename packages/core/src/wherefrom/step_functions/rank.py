"""Which choice of the model the token is."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array, at_least_single
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("rank", span_aggregation="max", differentiable=False, falls_with_probability=True)
@frozen(kw_only=True)
class Rank(StepFunction):
    """Place of the token among all tokens, the most likely first: 1 if it is the model's first choice.

    Tokens that tie share the better place. A rank has no gradient.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, whole numbers of at least 1 as floats."""
        xp = prediction.xp
        logits = at_least_single(prediction.logits)
        better = logits > prediction.at_target(logits)[:, None]
        return 1 + xp.sum(xp.astype(better, logits.dtype), axis=-1)
