"""Correlations of two lists of numbers; nan where one of them is constant."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.results.comparison import kendall_tau, ranks

__all__ = ["kendall_tau", "pearson", "spearman"]


def pearson(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation."""
    x, y = a - a.mean(), b - b.mean()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    small = 1e-12 * max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300)
    return float(x @ y) / length if length > small else float("nan")


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation of the ranks, equal values sharing theirs."""
    return pearson(ranks(a), ranks(b))
