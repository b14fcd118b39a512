"""What arrays add up to as they come: none of them is kept, and nothing as large is made beside what they add up to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import define

from wherefrom.arrays import FloatArray

PIECE = 2**22
"""Bytes that are added at once."""


@define(eq=False)
class Mean:
    """The mean of arrays of one shape, or of their powers."""

    power: int = 1
    count: int = 0
    _sum: FloatArray | None = None

    def add(self, one: FloatArray) -> None:
        """One more of them."""
        self.count += 1
        if self._sum is None:
            self._sum = np.zeros_like(one)
        for some in _pieces(one):
            self._sum[some] += one[some] ** self.power

    def value(self) -> FloatArray:
        """Of those so far, at least one."""
        assert self._sum is not None, "nothing was added"
        mean: FloatArray = self._sum / self.count
        return mean


@define(eq=False)
class Variance:
    """The unbiased variance of arrays of one shape.

    Source: Welford (1962), https://doi.org/10.1080/00401706.1962.10490022.
    """

    count: int = 0
    _mean: FloatArray | None = None
    _squares: FloatArray | None = None

    def add(self, one: FloatArray) -> None:
        """One more of them."""
        self.count += 1
        if self._mean is None or self._squares is None:
            self._mean, self._squares = np.zeros_like(one), np.zeros_like(one)
        for some in _pieces(one):
            apart = one[some] - self._mean[some]
            self._mean[some] += apart / self.count
            self._squares[some] += apart * (one[some] - self._mean[some])

    def value(self) -> FloatArray:
        """Of those so far, at least two."""
        assert self._squares is not None, "nothing was added"
        variance: FloatArray = self._squares / (self.count - 1)
        return variance


def _pieces(one: FloatArray) -> Iterator[slice]:
    """Parts of its inputs."""
    inputs = max(1, PIECE * len(one) // max(1, one.nbytes))
    return (slice(first, first + inputs) for first in range(0, len(one), inputs))
