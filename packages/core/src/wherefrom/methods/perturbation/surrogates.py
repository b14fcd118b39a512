"""Small regressions from coalitions to units: weighted ridge, lasso, and Shapley's constrained least squares.

All of them weigh samples, leave the intercept alone, and solve many outputs at once where the algebra allows it.
"""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods.perturbation.coalitions import is_complete

_EPSILON = 1e-12


def ridge(features: FloatArray, values: FloatArray, weights: FloatArray, alpha: float) -> FloatArray:
    """Coefficients of a linear fit with an intercept.

    Minimises ``sum(w * (y - b - X c)**2) / sum(w) + alpha * sum(c**2)``, so ``alpha`` means the same whatever the
    number of samples. With ``alpha = 0`` the fit is least squares, of smallest norm where samples are too few.

    Args:
        features: Shape ``(samples, units)``.
        values: Shape ``(samples, outputs)``.
        weights: Shape ``(samples,)``, not all zero.
        alpha: Strength of the penalty.

    Returns:
        Shape ``(units, outputs)``.
    """
    weights = weights / weights.sum()
    x = features - weights @ features
    y = values - weights @ values
    root = np.sqrt(weights)[:, None]
    if alpha == 0:
        solved: FloatArray = np.linalg.lstsq(root * x, root * y, rcond=None)[0]
        return solved
    gram = (root * x).T @ (root * x) + alpha * np.eye(x.shape[1])
    return np.linalg.solve(gram, (root * x).T @ (root * y))


def lasso(
    features: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    alpha: float | FloatArray,
    *,
    standardize: bool = False,
) -> FloatArray:
    """Sparse coefficients of a linear fit with an intercept, one output after the other.

    Minimises ``sum(w * (y - b - X c)**2) / (2 * sum(w)) + alpha * sum(|c|)``.

    Args:
        features: Shape ``(samples, units)``.
        values: Shape ``(samples, outputs)``.
        weights: Shape ``(samples,)``, not all zero.
        alpha: Strength of the penalty, in units of ``values``; or one for each output.
        standardize: Penalise coefficients per standard deviation of their feature among the weighed samples.

    Returns:
        Shape ``(units, outputs)``, in units of ``values`` per unit of feature; NaN for an output whose values are not
        all finite.
    """
    from sklearn.linear_model import Lasso

    scale = np.ones(features.shape[1])
    if standardize:
        share = weights / weights.sum()
        scale = np.sqrt(share @ (features - share @ features) ** 2)
        scale = np.where(scale > _EPSILON, scale, 1.0)
    strengths = np.broadcast_to(alpha, values.shape[1:])
    found = np.zeros((features.shape[1], values.shape[1]))
    for output in range(values.shape[1]):
        if not np.isfinite(values[:, output]).all():
            found[:, output] = np.nan
            continue
        spread = float(np.ptp(values[:, output]))
        if spread <= _EPSILON * max(1.0, float(np.abs(values[:, output]).max())):
            continue
        # solved on values of unit range, or the solver's absolute tolerance would decide what counts as zero
        fit = Lasso(alpha=max(float(strengths[output]) / spread, 1e-12), max_iter=20_000, tol=1e-6)
        fit.fit(features / scale, values[:, output] / spread, sample_weight=weights)
        found[:, output] = fit.coef_ * spread / scale
    return found


def constrained(features: FloatArray, values: FloatArray, weights: FloatArray, total: FloatArray) -> FloatArray:
    """Coefficients of a linear fit without intercept whose sum is given.

    Minimises ``sum(w * (y - X c)**2)`` subject to ``sum(c) = total``; the smallest such change from equal shares
    where samples are too few.

    Args:
        features: Shape ``(samples, units)``.
        values: Shape ``(samples, outputs)``.
        weights: Shape ``(samples,)``.
        total: Shape ``(outputs,)``.

    Returns:
        Shape ``(units, outputs)``.
    """
    units = features.shape[1]
    equal = np.broadcast_to(total / units, (units, len(total)))
    used = weights > 0
    root = np.sqrt(weights[used] / max(float(weights.max()), _EPSILON))[:, None]
    x = root * (features[used] - features[used].mean(axis=1, keepdims=True))
    y = root * (values[used] - features[used] @ equal)
    if not len(x):
        return equal.copy()
    moved = np.linalg.lstsq(x, y, rcond=None)[0]
    result: FloatArray = equal + moved - moved.mean(axis=0)
    return result


def distinct_columns(visible: BoolArray) -> list[tuple[BoolArray, IntArray]]:
    """Outputs that see the same units, together: each pattern with the indices of its outputs."""
    patterns, which = np.unique(visible.T, axis=0, return_inverse=True)
    return [(pattern, np.flatnonzero(which.ravel() == index)) for index, pattern in enumerate(patterns)]


def drawing_weights(masks: BoolArray, keep_prob: float) -> FloatArray:
    """How much each coalition counts in a fit: alike when they were drawn, and as often as they would have been drawn
    when all of them are there. Shape ``(rows,)``, mean 1."""
    if not is_complete(masks):
        return np.ones(len(masks))
    kept = masks.sum(axis=1)
    often: FloatArray = keep_prob**kept * (1.0 - keep_prob) ** (masks.shape[1] - kept)
    often /= often.mean()
    return often
