"""Correlations of two lists of numbers; nan where one of them is constant."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.results import comparison


def pearson(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation."""
    x, y = a - a.mean(), b - b.mean()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    small = 1e-12 * max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300)
    return float(x @ y) / length if length > small else float("nan")


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation of the ranks, equal values sharing theirs."""
    return comparison.spearman(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))


def kendall_tau(a: FloatArray, b: FloatArray) -> float:
    """Kendall's tau-b."""
    return comparison.kendall_tau(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
