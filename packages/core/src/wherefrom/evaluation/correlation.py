"""Pearson's correlation of two lists of numbers; those of ranks are in `wherefrom.results.comparison`."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray


def pearson(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation; NaN where one of them is constant."""
    x, y = a - a.mean(), b - b.mean()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    small = 1e-12 * max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300)
    return float(x @ y) / length if length > small else float("nan")
