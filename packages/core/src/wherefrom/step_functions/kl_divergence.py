"""How far apart the prediction and its contrast are, over the whole vocabulary."""

from __future__ import annotations

from attrs import field, frozen, validators

from wherefrom.arrays import Array, namespace
from wherefrom.settings import counting
from wherefrom.step_functions.base import StepFunction, StepPrediction, log_softmax, step_function


@step_function(
    "kl_divergence", span_aggregation="sum", differentiable=True, contrastive=True, compares_distributions=True
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
        return xp.sum(_terms(log_p, log_q), axis=-1)

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


_FLAT = 0.01
"""Below this difference of log-probabilities, terms are summed as a series: nothing cancels in it."""


def _terms(log_p: Array, log_q: Array) -> Array:
    """``p (ln p - ln q) - p + q`` of each token: at least 0, and over all tokens the divergence.

    Terms ``p (ln p - ln q)`` have both signs and cancel in the sum: of predictions that are nearly the same only
    rounding would be left, and no gradient where it is below 0.
    """
    xp = namespace(log_p)
    p, q = xp.exp(log_p), xp.exp(log_q)
    nothing = xp.zeros_like(p)
    possible = p > 0  # of a token that is ruled out q alone is left, whatever the contrast says of it
    d = xp.where(possible, log_p, nothing) - xp.where(possible, log_q, nothing)
    less = d < -1.0  # q is far more than p, which may be too small for a product with q/p
    rest = xp.where(less, nothing, d)
    flat = xp.abs(rest) < _FLAT
    near, far = xp.where(flat, rest, nothing), xp.where(flat, nothing, rest)
    series = near * near * (1 / 2 - near * (1 / 6 - near * (1 / 24 - near * (1 / 120 - near / 720))))
    remainder = xp.where(flat, series, far + xp.expm1(-far))
    return xp.where(possible, xp.where(less, p * (d - 1) + q, p * remainder), q)


def _restricted(log_probabilities: Array, kept: Array) -> Array:
    """The distribution over the kept tokens alone, as log-probabilities, -inf elsewhere."""
    xp = namespace(log_probabilities)
    return log_softmax(xp.where(kept, log_probabilities, xp.full_like(log_probabilities, -float("inf"))))
