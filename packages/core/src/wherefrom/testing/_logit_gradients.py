"""Derivatives of a target function with respect to logits, without autodiff."""

from __future__ import annotations

import numpy as np

from wherefrom.adapters import RowFunction
from wherefrom.testing._blocks import Floats

STEP = 1e-3
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Offsets and weights of the five-point first derivative: its error is of fourth order, about 1e-13 at this
step."""


def logit_gradients(target_function: RowFunction, logits: Floats) -> Floats:
    """d(step value)/d(logits of that step), by central differences of fourth order.

    A step's value depends on its own logits alone, so all differences are taken in one call: the steps are
    repeated, each copy with one logit moved.

    Args:
        logits: Shape ``(G, vocabulary)``.

    Returns:
        Shape ``(G, vocabulary)``.
    """
    steps, vocabulary = logits.shape
    copies = len(STENCIL) * vocabulary
    offsets = np.array([offset for offset, _ in STENCIL])
    weights = np.array([weight for _, weight in STENCIL])
    moves = offsets[:, None, None] * STEP * np.eye(vocabulary)
    moved = logits[None, None] + moves[:, :, None, :]
    values = target_function.at(np.tile(np.arange(steps), copies)).step_values(
        moved.reshape(copies * steps, vocabulary)
    )
    by_move = np.asarray(values, np.float64).reshape(len(STENCIL), vocabulary, steps)
    gradient: Floats = np.einsum("m,mvg->gv", weights, by_move) / STEP
    return gradient
