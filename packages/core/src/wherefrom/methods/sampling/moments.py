"""Mean and standard error of sampled shares, added up as samples come."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from wherefrom.adapters import Side
from wherefrom.arrays import Array, FloatArray, IntArray, namespace, to_numpy
from wherefrom.methods.sampling.errors import rough_outputs, within
from wherefrom.methods.sampling.running import Mean


class Moments:
    """Sums of shares ``(inputs, outputs, width)`` per side, and of squares of their totals per token."""

    def __init__(self) -> None:
        self.count = 0
        self._shares: defaultdict[Side, Mean] = defaultdict(Mean)
        self._tokens: defaultdict[Side, Mean] = defaultdict(Mean)
        self._squares: defaultdict[Side, Mean] = defaultdict(lambda: Mean(power=2))

    def add(self, shares: dict[Side, Array]) -> None:
        """One more sample."""
        self.count += 1
        for side, share in shares.items():
            token = to_numpy(namespace(share).sum(share, axis=-1)).astype(np.float64)
            self._shares[side].add(share)
            self._tokens[side].add(token)
            self._squares[side].add(token)

    @property
    def means(self) -> dict[Side, Array]:
        """Mean shares of each side. Shape ``(inputs, outputs, width)``."""
        return {side: shares.value() for side, shares in self._shares.items()}

    def standard_errors(self) -> dict[Side, FloatArray]:
        """Standard error of each token's mean share, summed over the width; infinite after one sample. Shape ``(inputs,
        outputs)``."""
        if self.count < 2:
            return {side: np.full(token.value().shape, np.inf) for side, token in self._tokens.items()}
        return {
            side: np.sqrt(np.maximum(self._squares[side].value() - token.value() ** 2, 0) / (self.count - 1))
            for side, token in self._tokens.items()
        }

    def within(self, tolerance: float) -> bool:
        """Is every output's largest standard error within this part of its largest token score?"""
        return within(*self._together(), tolerance)

    def rough_outputs(self) -> IntArray:
        """Outputs whose typical standard error is as large as the spread of their token scores."""
        return rough_outputs(*self._together())

    def _together(self) -> tuple[FloatArray, FloatArray]:
        """Token scores and their errors, source rows first."""
        errors = self.standard_errors()
        sides = list(self._tokens)
        scores = np.concatenate([self._tokens[side].value() for side in sides])
        return scores, np.concatenate([errors[side] for side in sides])
