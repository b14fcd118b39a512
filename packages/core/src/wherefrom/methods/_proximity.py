"""How much of a state its parts account for, as ALTI and information flow routes measure it."""

from __future__ import annotations

import numpy as np

from wherefrom.adapters.head_terms import HeadTerms
from wherefrom.arrays import Array, FloatArray, at_least_single, like, namespace
from wherefrom.questions.question import Question

_NUMBERS_AT_ONCE = 2**23
"""Size of the parts that are measured at once."""


def proximity(part: Array, whole: Array) -> Array:
    """How much of ``whole`` (``z``) each ``part`` (``y``) accounts for over the last axis: ``max(0, ‖z‖₁ − ‖z − y‖₁)``.

    Channel by channel ``|z| − |z − y|`` is ``min(u, 2|z| − u)``, where ``u`` is ``y`` where ``z`` is not negative and
    ``−y`` where it is. So two lengths that hardly differ are never subtracted. At least single precision.
    """
    xp = namespace(part)
    part, whole = at_least_single(part), at_least_single(whole)
    along = part * (1 - 2 * xp.astype(whole < 0, whole.dtype))
    explained = xp.sum(xp.minimum(along, 2 * xp.abs(whole) - along), axis=-1)
    return xp.maximum(explained, like(explained, 0.0, dtype=explained.dtype))


def edge_shares(terms: HeadTerms) -> tuple[Array, Array]:
    """Shares of keys, all heads together, and of the residual connection.

    Shares are proximities divided by their sum over keys, heads and the residual connection.

    Returns:
        Shapes ``(mixtures, keys)`` and ``(mixtures,)``; together they sum to 1, or are all 0 where nothing accounts for
        any of the state.
    """
    xp = namespace(terms.vectors)
    own = proximity(terms.residual, terms.state)
    at_once = max(1, _NUMBERS_AT_ONCE // (terms.vectors.shape[1] * terms.vectors.shape[2]))
    rows = []
    for mixture in range(terms.state.shape[0]):
        coefficients = terms.coefficients[mixture, ...].T
        reached = _reached(coefficients)
        found = []
        for start in range(0, reached, at_once):
            some = slice(start, min(start + at_once, reached))
            parts = coefficients[some, :, None] * terms.vectors[some, ...]
            found.append(xp.sum(proximity(parts, terms.state[mixture, ...]), axis=-1))
        missing = like(own, xp.zeros((coefficients.shape[0] - reached,), dtype=own.dtype))
        rows.append(xp.concat([*found, missing], axis=0))
    keys = xp.stack(rows, axis=0)
    total = xp.sum(keys, axis=-1) + own
    divisor = total + xp.astype(total == 0, total.dtype)
    return keys / divisor[:, None], own / divisor


def query_mixture(question: Question) -> FloatArray:
    """Which queries each output is read at: step ``t`` at position ``t − 1``; a span at the mean of its own, by their
    weights where they have some. Shape ``(outputs, positions)``; rows sum to 1."""
    target_function = question.target_function
    mixture: FloatArray = np.zeros((target_function.outputs, int(question.steps[-1])))
    mixture[target_function.output_of_step, question.steps - 1] = target_function.weighed(np.ones(len(question.steps)))
    sums = mixture.sum(axis=1, keepdims=True)
    shares: FloatArray = np.divide(mixture, sums, out=mixture, where=sums > 0)
    return shares


def _reached(coefficients: Array) -> int:
    """Number of keys up to the last one with a coefficient, shape ``(keys, heads)``."""
    xp = namespace(coefficients)
    places = xp.nonzero(xp.any(coefficients != 0, axis=1))[0]
    return int(places[-1]) + 1 if places.shape[0] else 0
