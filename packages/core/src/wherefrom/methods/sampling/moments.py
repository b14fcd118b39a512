"""Mean and standard error of sampled shares, added up as samples come.

Samples come in rounds, one for each of a round's equal stretches, in order. What a mean over them is off by is what
samples of one stretch would differ by, and there is one of each. So it is told from neighbours: half of the square of
their difference, where a trend counts as well, at the ends of a round, and a sixth of that of second differences, which
no trend moves, in between. In these the first and the last sample of a round weigh 2/3, their neighbours 4/3, all
others 1.

Source:
    Wolter (2007), "Introduction to Variance Estimation", section 8.2 (successive differences).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from wherefrom.adapters import Side
from wherefrom.arrays import Array, FloatArray, IntArray, namespace, to_numpy
from wherefrom.methods.output_by_output import output_by_output
from wherefrom.methods.sampling.errors import rough_outputs, within


class Moments:
    """Sums of each output's shares ``(inputs, width)`` per side, and of squared differences of their totals per
    token."""

    def __init__(self, outputs: int) -> None:
        self._counts = np.zeros(outputs, np.int64)
        self._shares: dict[Side, list[Array]] = {}
        self._tokens: dict[Side, FloatArray] = {}
        self._squares: dict[Side, FloatArray] = {}
        self._before: dict[Side, FloatArray] = {}
        """The last two totals per token of each output, shape ``(2, inputs, outputs)``."""

    @property
    def count(self) -> int:
        """Samples that every output has."""
        return int(self._counts.min())

    def add(self, shares: Mapping[Side, Iterable[Array]], outputs: IntArray, stretch: int, stretches: int) -> None:
        """One more sample of some outputs.

        Args:
            shares: Of each side, and of one output after the other: shape ``(inputs, width)``, nobody else's.
            outputs: Their numbers. Those that are added first are added in order.
            stretch: Which stretch of the round it is of; they come in order.
            stretches: How many the round has.
        """
        self._counts[outputs] += 1
        for side, of_side in shares.items():
            sums = self._shares.setdefault(side, [])
            for output, share in zip(outputs.tolist(), of_side, strict=True):
                token = to_numpy(namespace(share).sum(share, axis=-1)).astype(np.float64)
                if side not in self._tokens:
                    shape = (len(token), len(self._counts))
                    self._tokens[side], self._squares[side] = np.zeros(shape), np.zeros(shape)
                    self._before[side] = np.zeros((2, *shape))
                self._tokens[side][:, output] += token
                last, one_more = self._before[side][:, :, output].copy()
                ends = (stretch == 1) + (0 < stretch == stretches - 1)
                self._squares[side][:, output] += ends * (token - last) ** 2 / 2
                if stretch > 1:
                    self._squares[side][:, output] += (token - 2 * last + one_more) ** 2 / 6
                self._before[side][:, :, output] = token, last
                if output == len(sums):
                    sums.append(share)
                else:
                    sums[output] += share  # in place, where arrays can be changed

    def token_means(self) -> dict[Side, FloatArray]:
        """Each token's mean share, summed over the width. Shape ``(inputs, outputs)``."""
        return {side: tokens / self._counts for side, tokens in self._tokens.items()}

    def standard_errors(self) -> dict[Side, FloatArray]:
        """Standard errors of `token_means`; infinite after one sample."""
        if self.count < 2:
            return {side: np.full(tokens.shape, np.inf) for side, tokens in self._tokens.items()}
        return {side: np.sqrt(squares) / self._counts for side, squares in self._squares.items()}

    def largest(self) -> FloatArray:
        """The largest of `token_means` of each output, by size. Shape ``(outputs,)``."""
        largest: FloatArray = np.abs(self._together()[0]).max(axis=0)
        return largest

    def within(self, tolerance: float) -> bool:
        """Is every output's largest standard error within this part of its largest token score?"""
        return within(*self._together(), tolerance)

    def rough_outputs(self) -> IntArray:
        """Outputs whose typical standard error is as large as the spread of their token scores."""
        return rough_outputs(*self._together())

    def means(self) -> dict[Side, FloatArray]:
        """Mean shares of each side. Shape ``(inputs, outputs, width)``. To be asked once: the sums are let go."""
        count = self.count
        made: dict[Side, FloatArray] = {}
        for side in list(self._shares):
            mean = output_by_output(self._shares.pop(side), lambda shares: shares / count, used_up=True)
            assert mean is not None, "there are sums"
            made[side] = mean
        return made

    def _together(self) -> tuple[FloatArray, FloatArray]:
        """Token scores and their errors, source rows first."""
        means, errors = self.token_means(), self.standard_errors()
        return np.concatenate(list(means.values())), np.concatenate([errors[side] for side in means])
