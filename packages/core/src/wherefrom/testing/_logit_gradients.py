"""Derivatives of a target function with respect to logits, without autodiff."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from wherefrom.questions.target_function import TargetFunction
from wherefrom.testing._blocks import Floats

STEP = 1e-3
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Offsets and weights of the five-point first derivative: its error is of fourth order, about 1e-13 at this
step."""


def logit_gradients(target_function: TargetFunction, logits: Floats) -> Floats:
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
    values = repeated(target_function, copies).step_values(moved.reshape(copies * steps, vocabulary))
    by_move = np.asarray(values, np.float64).reshape(len(STENCIL), vocabulary, steps)
    gradient: Floats = np.einsum("m,mvg->gv", weights, by_move) / STEP
    return gradient


def repeated(target_function: TargetFunction, copies: int) -> TargetFunction:
    """The same target function for its steps ``copies`` times over, ungrouped."""
    tile = target_function
    return evolve(
        tile,
        target_ids=np.tile(tile.target_ids, copies),
        contrast_ids=None if tile.contrast_ids is None else np.tile(tile.contrast_ids, copies),
        contrast_logits=None
        if tile.contrast_logits is None
        else np.tile(np.asarray(tile.contrast_logits), (copies, 1)),
        samples=None if tile.samples is None else np.tile(np.asarray(tile.samples), (1, copies, 1)),
        groups=None,
    )
