"""How undecided the model is."""

from __future__ import annotations

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function("entropy", span_aggregation="sum", differentiable=True, falls_with_probability=True)
@frozen(kw_only=True)
class Entropy(StepFunction):
    """Shannon entropy of the model's prediction, ``-Σ p ln p``.

    Between 0 (certain) and ``ln V`` (all V tokens equally likely). It does not depend on the token in
    question.
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats."""
        xp = prediction.xp
        log_probabilities = prediction.log_probabilities()
        # a forbidden token (logit -inf) contributes lim p ln p = 0
        finite = xp.where(xp.isfinite(log_probabilities), log_probabilities, xp.zeros_like(log_probabilities))
        return -xp.sum(xp.exp(log_probabilities) * finite, axis=-1)
