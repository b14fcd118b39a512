"""p-values of several tests at once."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray


def holm(p_values: FloatArray) -> FloatArray:
    """P values of several tests, of any shape, such that the smallest is at most a level as often as the level says, at
    most; nan stays and does not count.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
        [0.03, 0.06, 0.06]

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    corrected = np.array(p_values, dtype=np.float64).ravel()
    known = np.flatnonzero(~np.isnan(corrected))
    order = known[np.argsort(corrected[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * corrected[order]))
    return corrected.reshape(np.shape(p_values))
