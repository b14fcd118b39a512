"""Is the difference more than chance? Paired over examples, corrected for how many comparisons were made."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.methods.perturbation.coalitions import all_coalitions

RESAMPLES = 2000


def bootstrap_interval(
    values: FloatArray, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of paired differences, examples drawn with replacement.

    Source: Efron & Tibshirani (1993), chapter 13. nan for fewer than two values.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng([seed, 1]).integers(len(values), size=(resamples, len(values)))
    means = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def permutation_p(values: FloatArray, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Two-sided probability of a mean paired difference as large, if its signs were chance.

    Exact where there are at most ``resamples`` patterns of signs; else a sample of them, the observed one counted, so
    that it is never 0. Source: Phipson & Smyth (2010), https://arxiv.org/abs/1603.05766. nan without values.
    """
    count = len(values)
    if not count:
        return float("nan")
    observed = abs(values.mean()) - 1e-12 * np.abs(values).mean()
    if 2**count <= resamples:
        signs = 2.0 * all_coalitions(count) - 1.0
        return float((np.abs(signs @ values / count) >= observed).mean())
    signs = np.random.default_rng([seed, 2]).choice([-1.0, 1.0], size=(resamples, count))
    return float((1 + (np.abs(signs @ values / count) >= observed).sum()) / (1 + resamples))
