"""Parts of a network with their derivatives written out by hand.

Each part maps states to states and returns, with its output, a *backward pass*: the function that turns cotangents
of the output into cotangents of the inputs (a vector-Jacobian product). Cotangents carry a leading axis, one
entry per scalar that is differentiated, so all of them travel back together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats: TypeAlias = npt.NDArray[np.float64]


@frozen(eq=False)
class AttentionWeights:
    """Projections of one attention block, shape ``(width, width)`` each, applied from the right."""

    query: Floats
    key: Floats
    value: Floats
    output: Floats
    heads: int


@frozen(eq=False)
class MixerWeights:
    """The two matrices of a tanh layer, ``(width, hidden)`` and ``(hidden, width)``."""

    into: Floats
    out: Floats


def attend(
    readers: Floats, read: Floats, weights: AttentionWeights, visible: npt.NDArray[np.bool_]
) -> tuple[Floats, Callable[[Floats], tuple[Floats, Floats]], Floats]:
    """Scaled dot-product attention of ``readers`` over ``read``.

    A reader that may see nothing gets zeros.

    Args:
        readers: Shape ``(queries, width)``.
        read: Shape ``(keys, width)``.
        visible: Shape ``(queries, keys)``.

    Returns:
        The output ``(queries, width)``; its backward pass, to cotangents of ``readers`` and of ``read``; and the
        attention weights ``(heads, queries, keys)``.
    """
    width = readers.shape[-1]
    size = width // weights.heads

    def split(states: Floats) -> Floats:
        return np.swapaxes(states.reshape(*states.shape[:-1], weights.heads, size), -2, -3)

    def merge(states: Floats) -> Floats:
        joined = np.swapaxes(states, -2, -3)
        return joined.reshape(*joined.shape[:-2], width)

    q, k, v = split(readers @ weights.query), split(read @ weights.key), split(read @ weights.value)
    similarity = np.where(visible, q @ np.swapaxes(k, -1, -2) / np.sqrt(size), -np.inf)
    peak = np.max(similarity, axis=-1, keepdims=True, initial=-1e300)
    unnormalised = np.exp(similarity - peak)
    total = unnormalised.sum(-1, keepdims=True)
    shares: Floats = np.divide(unnormalised, total, out=np.zeros_like(unnormalised), where=total > 0)
    output = merge(shares @ v) @ weights.output

    def pull(cotangent: Floats) -> tuple[Floats, Floats]:
        d_mixed = split(cotangent @ weights.output.T)
        d_value = np.swapaxes(shares, -1, -2) @ d_mixed
        d_shares = d_mixed @ np.swapaxes(v, -1, -2)
        d_similarity = shares * (d_shares - (d_shares * shares).sum(-1, keepdims=True)) / np.sqrt(size)
        d_readers = merge(d_similarity @ k) @ weights.query.T
        d_read = merge(np.swapaxes(d_similarity, -1, -2) @ q) @ weights.key.T + merge(d_value) @ weights.value.T
        return d_readers, d_read

    return output, pull, shares


def mix(states: Floats, weights: MixerWeights) -> tuple[Floats, Callable[[Floats], Floats]]:
    """A tanh layer, position by position, and its backward pass."""
    hidden = np.tanh(states @ weights.into)

    def pull(cotangent: Floats) -> Floats:
        result: Floats = ((cotangent @ weights.out.T) * (1 - hidden**2)) @ weights.into.T
        return result

    return hidden @ weights.out, pull


def random_attention(draw: Callable[..., Any], width: int, heads: int) -> AttentionWeights:
    """Attention with weights from ``draw(rows, columns)``."""
    query, key, value, output = (draw(width, width) for _ in range(4))
    return AttentionWeights(query, key, value, output, heads)


def random_mixer(draw: Callable[..., Any], width: int) -> MixerWeights:
    """A tanh layer twice as wide inside."""
    return MixerWeights(draw(width, 2 * width), draw(2 * width, width))
