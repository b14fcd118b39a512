"""Outputs whose gradients are asked for together.

A method that sums gradients of many passes holds those of one beside the sums. Of thousands of inputs and many outputs
that is more than memory was allowed for: then some outputs go through all passes, and after them the others.
"""

from __future__ import annotations

import numpy as np

from wherefrom.adapters import BoundsGradients, Row
from wherefrom.arrays import IntArray


def output_groups(model: object, row: Row, *, copies: int = 1) -> list[IntArray]:
    """Numbers of a row's outputs, in order, in even groups that ``model`` takes at once.

    Args:
        copies: See `wherefrom.adapters.BoundsGradients`.
    """
    assert row.target_function is not None
    count = row.target_function.outputs
    groups = -(-count // outputs_at_once(model, row, copies=copies))
    return np.array_split(np.arange(count), groups)


def outputs_at_once(model: object, row: Row, *, copies: int = 1) -> int:
    """As many outputs of a row as ``model`` takes together; all of them where it does not bound its memory."""
    assert row.target_function is not None
    if isinstance(model, BoundsGradients):
        return max(1, model.outputs_at_once(row, copies=copies))
    return row.target_function.outputs
