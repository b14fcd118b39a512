"""Answers that are known as numbers: how far scores are from them."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray


def nearness(scores: FloatArray, known: FloatArray) -> float:
    """1 minus the largest error as a part of the largest known value."""
    return 1.0 - float(np.abs(scores - known).max() / np.abs(known).max())
