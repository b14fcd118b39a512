"""How far apart the prediction and its contrast are, over the whole vocabulary."""

from __future__ import annotations

from attrs import field, frozen, validators

from wherefrom.arrays import Array, namespace
from wherefrom.settings import counting
from wherefrom.step_functions.base import StepFunction, StepPrediction, log_softmax, step_function


@step_function(
    "kl_divergence",
    span_aggregation="sum",
    differentiable=True,
    contrastive=True,
    zero_without_contrast=True,
    compares_distributions=True,
)
@frozen(kw_only=True)
class KLDivergence(StepFunction):
    """Kullback-Leibler divergence of the contrast from the prediction, ``KL(p ‖ p') = Σ p (ln p - ln p')``.

    At least 0, and 0 exactly where both predict alike; without a contrast, therefore, 0. It depends on
    neither token.

    With ``top_k`` or ``top_p`` only the most likely tokens are compared. They are chosen by the mean of both
    distributions, so that the choice is symmetric, and both are renormalised over them: the result is again
    the divergence of two distributions, and never NaN. A token that passes both filters is kept. Which
    tokens are kept is a constant to gradients.

    As a target of attribution it needs the contrastive pass (``contrast_force_inputs=True``): within one
    prediction there is nothing to diverge from.
    """

    top_k: int = field(default=0, validator=counting(0))
    """Compare the so many most likely tokens only; 0: all."""
    top_p: float = field(default=1.0, validator=[validators.gt(0.0), validators.le(1.0)])
    """Compare the smallest set of tokens whose probabilities reach this sum; 1: all."""
    min_tokens_to_keep: int = field(default=1, validator=counting(1))
    """Keep at least so many tokens, whatever the filters say."""

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in nats, at least 0."""
        xp = prediction.xp
        log_p = prediction.log_probabilities()
        log_q = (prediction.contrast or prediction).log_probabilities()
        if self.top_k or self.top_p < 1.0:
            kept = self._kept((xp.exp(log_p) + xp.exp(log_q)) / 2)
            log_p, log_q = _restricted(log_p, kept), _restricted(log_q, kept)
        # a token that the prediction rules out contributes lim p ln p = 0, whatever the contrast says of it
        possible = xp.isfinite(log_p)
        nothing = xp.zeros_like(log_p)
        difference = xp.where(possible, log_p, nothing) - xp.where(possible, log_q, nothing)
        divergence = xp.sum(xp.exp(log_p) * difference, axis=-1)
        return xp.where(divergence > 0, divergence, xp.zeros_like(divergence))  # not below 0 by rounding

    def _kept(self, probabilities: Array) -> Array:
        """Which tokens to compare: true or false, shape ``(steps, vocabulary)``."""
        xp = namespace(probabilities)
        order = xp.argsort(probabilities, axis=-1, descending=True)
        ranks = xp.argsort(order, axis=-1)
        most_likely = xp.take_along_axis(probabilities, order, axis=-1)
        before = xp.cumulative_sum(most_likely, axis=-1) - most_likely
        kept = ranks >= 0
        if self.top_p < 1.0:
            kept = kept & (xp.take_along_axis(before, ranks, axis=-1) < self.top_p)
        if self.top_k:
            kept = kept & (ranks < self.top_k)
        return kept | (ranks < self.min_tokens_to_keep)


def _restricted(log_probabilities: Array, kept: Array) -> Array:
    """The distribution over the kept tokens alone, as log-probabilities, -inf elsewhere."""
    xp = namespace(log_probabilities)
    return log_softmax(xp.where(kept, log_probabilities, xp.full_like(log_probabilities, -float("inf"))))
