"""How many tokens nucleus sampling would choose from."""

from __future__ import annotations

from attrs import field, frozen, validators

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("top_p_size", span_aggregation="absmax", differentiable=False, falls_with_probability=True)
@frozen(kw_only=True)
class TopPSize(StepFunction):
    """Number of most likely tokens needed to reach a probability of ``top_p`` together, counted at each step.

    From 1 to the size of the vocabulary; it grows with ``top_p``. A count has no gradient.

    Source: Holtzman, Buys, Du, Forbes & Choi (2020), "The Curious Case of Neural Text Degeneration".
    """

    top_p: float = field(default=0.9, validator=[validators.gt(0.0), validators.le(1.0)])
    """Probability to be reached."""

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, whole numbers of at least 1 as floats."""
        xp = prediction.xp
        most_likely = xp.sort(xp.exp(prediction.log_probabilities()), axis=-1, descending=True)
        reached_before = xp.cumulative_sum(most_likely, axis=-1) - most_likely
        return xp.sum(xp.astype(reached_before < self.top_p, most_likely.dtype), axis=-1)
