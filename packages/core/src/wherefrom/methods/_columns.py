"""From what a model computes per query and key to what a result shows per input and step.

Step ``t`` is predicted at query position ``t - 1``; its column is that query's row.
"""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import Array, IntArray, like, namespace
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.stages import Stage

MEAN_THEN_NORMALIZE = (Stage(name="reduce", settings={"aggregate_fn": "mean"}), Stage(name="normalize"))
"""Mean over the last dimension, then each step's scores divided by their sum over source and target together."""
PREDICTING_STATE = "the state the token was predicted from"
"""What methods explain that follow what queries read, whatever the target function."""


def rows_first(weights: Array) -> Array:
    """``(*dimensions, queries, keys)`` to ``(keys, queries, *dimensions)``."""
    xp = namespace(weights)
    extra = weights.ndim - 2
    return xp.permute_dims(weights, (extra + 1, extra, *range(extra)))


def steps_of(weights: Array, steps: IntArray) -> Array:
    """The queries that predict ``steps``, of ``(*dimensions, queries, keys)``: as ``(keys, steps, *dimensions)``."""
    xp = namespace(weights)
    chosen = xp.take(weights, like(weights, steps - 1), axis=weights.ndim - 2)
    return rows_first(chosen)


def padded(scores: Array, inputs: int) -> Array:
    """``scores`` with rows of zeros for the inputs behind the last one that was read. Shape ``(inputs, ...)``."""
    missing = inputs - scores.shape[0]
    if missing <= 0:
        return scores
    xp = namespace(scores)
    return xp.concat([scores, like(scores, xp.zeros((missing, *scores.shape[1:]), dtype=scores.dtype))], axis=0)


def square(weights: Array, size: int) -> Array:
    """``(*dimensions, n, n)`` as ``(size, size, *dimensions)``, key first, with zeros behind ``n``."""
    xp = namespace(weights)
    keys_padded = padded(rows_first(weights), size)
    swapped = xp.permute_dims(keys_padded, (1, 0, *range(2, keys_padded.ndim)))
    again = padded(swapped, size)
    return xp.permute_dims(again, (1, 0, *range(2, again.ndim)))


def per_output(target_function: TargetFunction, scores: Array, *, total: bool = False) -> Array:
    """``(inputs, steps, ...)`` as ``(inputs, outputs, ...)``: the mean over each span's steps, by their weights where
    they have some, or their sum.

    Without spans the scores come back as they are.
    """
    if target_function.groups is None:
        return scores
    members = (target_function.groups[:, None] == np.arange(target_function.outputs)[None, :]).astype(np.float64)
    members = target_function.weighed(members)
    if not total:
        members = members / members.sum(axis=0)
    xp = namespace(scores)
    rest = range(2, scores.ndim)
    steps_last = xp.permute_dims(scores, (0, *rest, 1))
    outputs_last = xp.matmul(steps_last, like(scores, members, dtype=scores.dtype))
    return xp.permute_dims(outputs_last, (0, scores.ndim - 1, *range(1, scores.ndim - 1)))
