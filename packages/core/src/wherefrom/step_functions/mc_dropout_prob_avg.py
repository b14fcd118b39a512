"""The probability of the token, averaged over the model's own doubt."""

from __future__ import annotations

from attrs import field, frozen

from wherefrom.arrays import Array
from wherefrom.settings import counting
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function
from wherefrom.step_functions.sampling import sampled_at_target


@step_function("mc_dropout_prob_avg", differentiable=False, sampled=True)
@frozen(kw_only=True)
class MCDropoutProbAvg(StepFunction):
    """Mean probability of the token over passes with dropout switched on.

    It lies between the smallest and the largest of the passes. Its standard score is a function of its own,
    `MCDropoutZScore`.

    Source: Gal & Ghahramani (2016), "Dropout as a Bayesian Approximation".
    """

    n_mcd_steps: int = field(default=5, validator=counting(1))
    """How many passes."""
    logprob: bool = False
    """Average log-probabilities instead, in nats."""

    @property
    def span_aggregation(self) -> str:
        """``"prod"``, or ``"sum"`` for logarithms."""
        return "sum" if self.logprob else "prod"

    @property
    def passes(self) -> int:
        """How many stochastic passes it asks for."""
        return self.n_mcd_steps

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``: in [0, 1], or in nats and at most 0."""
        values = sampled_at_target(prediction, logprob=self.logprob, identifier=self.identifier)
        return prediction.xp.mean(values, axis=0)
