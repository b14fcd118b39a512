"""The probability of the token in question."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("probability", differentiable=True)
@frozen(kw_only=True)
class Probability(StepFunction):
    """Softmax probability ``p(y)`` of the token, or its natural logarithm.

    Over a span probabilities multiply and log-probabilities add, which is the probability of the whole span
    given what came before it.
    """

    logprob: bool = False
    """Give ``ln p(y)`` instead, in nats."""

    @property
    def span_aggregation(self) -> str:
        """``"prod"``, or ``"sum"`` for logarithms."""
        return "sum" if self.logprob else "prod"

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``: in [0, 1], or in nats and at most 0."""
        log_probability = prediction.log_probability()
        return log_probability if self.logprob else prediction.xp.exp(log_probability)
