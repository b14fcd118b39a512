"""Is the difference more than chance? Paired over examples, corrected for how many comparisons were made."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.methods.perturbation.coalitions import all_coalitions
from wherefrom.methods.sampling.errors import t_factor

RESAMPLES = 2000


def mean_interval(values: FloatArray, *, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of paired differences. nan for fewer than two values.

    It holds the true mean as often as it says where differences are normal, however few there are. Quantiles of
    resamples do not: of two values they are those two.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    mean = float(values.mean())
    reach = t_factor(confidence, len(values) - 1) * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean - reach, mean + reach


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
