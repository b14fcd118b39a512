"""Mean and standard error of sampled shares, added up as samples come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from wherefrom.adapters import Side
from wherefrom.arrays import Array, FloatArray, IntArray, namespace, to_numpy
from wherefrom.methods.output_by_output import output_by_output
from wherefrom.methods.sampling.errors import rough_outputs, within
from wherefrom.methods.sampling.running import Variance


class Moments:
    """Sums of each output's shares ``(inputs, width)`` per side, and mean and variance of their totals per token."""

    def __init__(self, outputs: int) -> None:
        self._counts = np.zeros(outputs, np.int64)
        self._shares: dict[Side, list[Array]] = {}
        self._tokens: dict[Side, list[Variance]] = {}

    @property
    def count(self) -> int:
        """Samples that every output has."""
        return int(self._counts.min())

    def add(self, shares: Mapping[Side, Iterable[Array]], outputs: IntArray) -> None:
        """One more sample of some outputs.

        Args:
            shares: Of each side, and of one output after the other: shape ``(inputs, width)``, nobody else's.
            outputs: Their numbers. Those that are added first are added in order.
        """
        self._counts[outputs] += 1
        for side, of_side in shares.items():
            sums = self._shares.setdefault(side, [])
            tokens = self._tokens.setdefault(side, [Variance() for _ in self._counts])
            for output, share in zip(outputs.tolist(), of_side, strict=True):
                tokens[output].add(to_numpy(namespace(share).sum(share, axis=-1)).astype(np.float64))
                if output == len(sums):
                    sums.append(share)
                else:
                    sums[output] += share  # in place, where arrays can be changed

    def token_means(self) -> dict[Side, FloatArray]:
        """Each token's mean share, summed over the width. Shape ``(inputs, outputs)``."""
        return self._of_tokens(Variance.mean)

    def standard_errors(self) -> dict[Side, FloatArray]:
        """Standard errors of `token_means`; infinite after one sample."""
        if self.count < 2:
            return {side: np.full(means.shape, np.inf) for side, means in self.token_means().items()}
        return self._of_tokens(lambda token: np.sqrt(token.value() / token.count))

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

    def _of_tokens(self, asked: Callable[[Variance], FloatArray]) -> dict[Side, FloatArray]:
        """Something of each side's tokens. Shape ``(inputs, outputs)``."""
        return {side: np.stack([asked(one) for one in tokens], axis=-1) for side, tokens in self._tokens.items()}

    def _together(self) -> tuple[FloatArray, FloatArray]:
        """Token scores and their errors, source rows first."""
        means, errors = self.token_means(), self.standard_errors()
        return np.concatenate(list(means.values())), np.concatenate([errors[side] for side in means])
