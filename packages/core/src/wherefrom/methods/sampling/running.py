"""What arrays add up to as they come: none of them is kept."""

from __future__ import annotations

from attrs import define

from wherefrom.arrays import Array


@define(eq=False)
class Mean:
    """The mean of arrays of one shape, or of their powers."""

    power: int = 1
    count: int = 0
    _sum: Array = None

    def add(self, one: Array) -> None:
        """One more of them."""
        raised = one if self.power == 1 else one**self.power
        self.count += 1
        self._sum = raised if self._sum is None else self._sum + raised

    def value(self) -> Array:
        """Of those so far, at least one."""
        return self._sum / self.count


@define(eq=False)
class Variance:
    """The unbiased variance of arrays of one shape.

    Source: Welford (1962), https://doi.org/10.1080/00401706.1962.10490022.
    """

    count: int = 0
    _mean: Array = None
    _squares: Array = None

    def add(self, one: Array) -> None:
        """One more of them."""
        self.count += 1
        if self._mean is None:
            self._mean, self._squares = one, one * 0
            return
        apart = one - self._mean
        self._mean = self._mean + apart / self.count
        self._squares = self._squares + apart * (one - self._mean)

    def value(self) -> Array:
        """Of those so far, at least two."""
        return self._squares / (self.count - 1)
