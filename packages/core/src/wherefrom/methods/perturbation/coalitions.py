"""All subsets of a few units."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray


def all_coalitions(count: int) -> BoolArray:
    """Every mask of so many units, the full one first: counted from the end, row ``i`` by the bits of ``i``. Shape
    ``(2**count, count)``."""
    codes = np.arange(2**count, dtype=np.int64)[::-1]
    masks: BoolArray = (codes[:, None] >> np.arange(count)) & 1 == 1
    return masks


def is_complete(masks: BoolArray) -> bool:
    """Is every coalition there, once? A sample may hold all of them as well, but some more often than others."""
    count = masks.shape[1]
    enough = count < 40 and len(masks) == 2**count
    return count < 2 or bool(enough and len(np.unique(masks, axis=0)) == 2**count)
