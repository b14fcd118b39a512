"""Sensitivity-n: do the scores of random sets of n units, added up, follow what is lost without them?

Source:
    Ancona, Ceolini, Öztireli & Gross (2018), https://arxiv.org/abs/1711.06104. At one fixed size it is the
    faithfulness correlation of Bhatt, Weller & Moura (2020), https://arxiv.org/abs/2005.00631.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen, validators

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsSizes, metric
from wherefrom.evaluation.correlation import pearson
from wherefrom.settings import counting


@metric("sensitivity_n", higher_is_better=True)
@frozen(kw_only=True)
class SensitivityN(ReadsSizes, Metric):
    """Pearson correlation of the sum of scores of n units with the loss of log-probability without them; the mean over
    the sizes n where it is defined."""

    shares: tuple[float, ...] = field(
        default=(0.25, 0.5, 0.75),
        converter=tuple,
        validator=[
            validators.min_len(1),
            validators.deep_iterable(validators.and_(validators.gt(0), validators.le(1))),
        ],
    )
    """The sizes, as shares of the units, rounded to at least 1."""
    n_samples: int = field(default=12, validator=counting(3))
    """Random sets per size; the same for every method."""

    def _removed(self, count: int, seed: int) -> list[BoolArray]:
        rng = np.random.default_rng([seed, count])
        sizes = sorted({min(max(1, round(share * count)), count) for share in self.shares})
        return [rng.random((self.n_samples, count)).argsort(axis=1) < size for size in sizes]

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return ~np.concatenate(self._removed(len(scores), seed))

    def measure(self, scores: FloatArray, case: Case) -> float:
        found = [
            pearson(removed.astype(np.float64) @ scores, case.full() - case.worth(~removed))
            for removed in self._removed(len(scores), case.seed)
        ]
        defined = [value for value in found if not np.isnan(value)]
        return float(np.mean(defined)) if defined else float("nan")
