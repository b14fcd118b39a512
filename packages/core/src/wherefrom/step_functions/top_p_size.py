"""How many tokens nucleus sampling would choose from."""

from __future__ import annotations

from attrs import field, frozen, validators

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("top_p_size", span_aggregation="absmax", differentiable=False, falls_with_probability=True)
@frozen(kw_only=True)
class TopPSize(StepFunction):
    """Number of most likely tokens needed to reach a probability of ``top_p`` together, counted at each step.

    From 1 to the size of the vocabulary, which it is for 1.0 unless the model rules tokens out; it grows with
    ``top_p``. A count has no gradient.

    Source: Holtzman, Buys, Du, Forbes & Choi (2020), "The Curious Case of Neural Text Degeneration".
    """

    top_p: float = field(default=0.9, validator=[validators.gt(0.0), validators.le(1.0)])
    """Probability to be reached."""

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, whole numbers of at least 1 as floats."""
        xp = prediction.xp
        log_p = prediction.log_probabilities()
        if self.top_p == 1.0:
            return xp.sum(xp.astype(xp.isfinite(log_p), log_p.dtype), axis=-1)
        # what a token and all less likely ones have together: small numbers first, so that rounding stays small
        from_here_on = xp.cumulative_sum(xp.sort(xp.exp(log_p), axis=-1), axis=-1)
        size = xp.sum(xp.astype(from_here_on > 1.0 - self.top_p, log_p.dtype), axis=-1)
        return xp.where(size > 1, size, xp.ones_like(size))
