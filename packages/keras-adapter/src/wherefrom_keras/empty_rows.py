"""What a query that sees no key takes in: nothing, or every token (hidden ones, later ones, padding), where a softmax
over scores that are all masked alike is uniform."""

from __future__ import annotations

import numpy as np
from wherefrom.adapters.hiding import cannot_hide_all

from wherefrom_keras.backend import jax
from wherefrom_keras.cutting import Cut, Values

HIDDEN, LENGTH = 3, 12
"""Positions of the rows that are compared: those that are hidden, at the beginning, and all."""


class EmptyRows:
    """A model, asked once whether tokens that it must not see change what it says where all is hidden."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._apart: float | None = None

    def need_nothing_from_hidden(self, values: Values) -> None:
        """Refuse a model whose queries see what is hidden, or what is later, where all that they may see is hidden.

        Raises:
            ModelCapabilityError: As it says.
        """
        if self._apart is None:
            self._apart = self._difference(values)
        if self._apart > max(1e-4, 8 * float(jax.numpy.finfo(self._cut.backbone.compute_dtype).eps)):
            reason = f"what is hidden or later changes its logits by {self._apart:.2g} of the largest"
            raise cannot_hide_all(type(self._cut.task).__name__, reason)

    def _difference(self, values: Values) -> float:
        """Between the logits of the last hidden position in two rows that differ in every other token."""
        ids = np.arange(LENGTH)
        ids = np.stack([ids, np.where(ids == HIDDEN - 1, ids, ids + 1)]) % len(self._cut.weights(values))
        mask = np.arange(LENGTH) >= HIDDEN
        states = self._cut.states(values, self._cut.embed(values, ids), np.stack([mask, mask]))
        one, other = np.asarray(self._cut.logits(values, states[:, HIDDEN - 1][None])[0], np.float64)
        return float(np.abs(one - other).max() / max(np.abs(one).max(), np.finfo(float).tiny))
