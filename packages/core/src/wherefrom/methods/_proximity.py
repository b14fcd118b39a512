"""How much of a state each head's part of each key accounts for, as information flow routes measure it."""

from __future__ import annotations

import numpy as np

from wherefrom.adapters.head_terms import HeadTerms
from wherefrom.arrays import Array, FloatArray, like, namespace
from wherefrom.questions.question import Question


def edge_shares(terms: HeadTerms) -> tuple[Array, Array]:
    """Shares of keys, all heads together, and of the residual connection.

    The proximity of a part ``y`` to the whole ``z`` is ``max(0, ‖z‖₁ − ‖z − y‖₁)``; shares are proximities divided by
    their sum over keys, heads and the residual connection.

    Returns:
        Shapes ``(mixtures, keys)`` and ``(mixtures,)``; together they sum to 1, or are all 0 where nothing accounts for
        any of the state.
    """
    xp = namespace(terms.vectors)
    lengths = xp.sum(xp.abs(terms.state), axis=-1)
    own = _positive(lengths - xp.sum(xp.abs(terms.state - terms.residual), axis=-1))
    rows = []
    for mixture in range(terms.state.shape[0]):
        coefficients = terms.coefficients[mixture, ...].T
        reached = _reached(coefficients)
        parts = coefficients[:reached, :, None] * terms.vectors[:reached, ...]
        left = xp.sum(xp.abs(terms.state[mixture, ...] - parts), axis=-1)
        by_key = xp.sum(_positive(lengths[mixture] - left), axis=-1)
        missing = like(by_key, xp.zeros((coefficients.shape[0] - reached,), dtype=by_key.dtype))
        rows.append(xp.concat([by_key, missing], axis=0))
    keys = xp.stack(rows, axis=0)
    total = xp.sum(keys, axis=-1) + own
    divisor = total + xp.astype(total == 0, total.dtype)
    return keys / divisor[:, None], own / divisor


def query_mixture(question: Question) -> FloatArray:
    """Which queries each output is read at: step ``t`` at position ``t − 1``; a span at the mean of its own, by their
    weights where they have some. Shape ``(outputs, positions)``; rows sum to 1."""
    target_function = question.target_function
    outputs = np.arange(len(question.steps)) if target_function.groups is None else target_function.groups
    mixture: FloatArray = np.zeros((target_function.outputs, int(question.steps[-1])))
    mixture[outputs, question.steps - 1] = target_function.weighed(np.ones(len(question.steps)))
    sums = mixture.sum(axis=1, keepdims=True)
    shares: FloatArray = np.divide(mixture, sums, out=mixture, where=sums > 0)
    return shares


def _positive(values: Array) -> Array:
    xp = namespace(values)
    return xp.where(values > 0, values, like(values, 0.0, dtype=values.dtype))


def _reached(coefficients: Array) -> int:
    """Number of keys up to the last one with a coefficient, shape ``(keys, heads)``."""
    xp = namespace(coefficients)
    places = xp.nonzero(xp.any(coefficients != 0, axis=1))[0]
    return int(places[-1]) + 1 if places.shape[0] else 0
