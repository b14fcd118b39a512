"""How far the model's answer is from what it says with dropout."""

from __future__ import annotations

from attrs import field, frozen

from wherefrom.arrays import Array
from wherefrom.settings import counting
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function
from wherefrom.step_functions.sampling import sampled_at_target


@step_function("mc_dropout_zscore", span_aggregation="absmax", differentiable=False, sampled=True)
@frozen(kw_only=True)
class MCDropoutZScore(StepFunction):
    """Standard score of the token's probability among passes with dropout: ``(p(y) - mean) / standard
    deviation``.

    The standard deviation is that of a sample (divided by the number of passes less one). 0 where all
    passes agree, as they do in a model without dropout.

    Source: Fomicheva et al. (2020), "Unsupervised Quality Estimation for Neural Machine Translation", for
    dropout statistics of token probabilities.
    """

    n_mcd_steps: int = field(default=5, validator=counting(2))
    """How many passes."""
    logprob: bool = False
    """Compare log-probabilities instead."""

    @property
    def passes(self) -> int:
        """How many stochastic passes it asks for."""
        return self.n_mcd_steps

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in standard deviations."""
        xp = prediction.xp
        values = sampled_at_target(prediction, logprob=self.logprob, identifier=self.identifier)
        clean = prediction.log_probability()
        if not self.logprob:
            clean = xp.exp(clean)
        deviation = xp.std(values, axis=0, correction=1)
        # equal numbers may have a deviation by rounding, and different ones none
        differs = (xp.max(values, axis=0) > xp.min(values, axis=0)) & (deviation > 0)
        score = (clean - xp.mean(values, axis=0)) / xp.where(differs, deviation, xp.ones_like(deviation))
        return xp.where(differs, score, xp.zeros_like(score))
