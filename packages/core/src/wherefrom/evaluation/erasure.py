"""Comprehensiveness and sufficiency: what is lost without the rationale, and what with nothing else.

Source:
    DeYoung et al. (2020), ERASER, https://arxiv.org/abs/1911.03429.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen, validators

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, metric
from wherefrom.evaluation.ordering import top_share


@frozen(kw_only=True)
class Rationales(ReadsOrder, Metric):
    """Settings of both: rationales of several lengths, their results averaged."""

    bins: tuple[float, ...] = field(
        default=(0.01, 0.05, 0.1, 0.2, 0.5),
        converter=tuple,
        validator=[
            validators.min_len(1),
            validators.deep_iterable(validators.and_(validators.gt(0), validators.le(1))),
        ],
    )
    """Shares of the units that are the rationale, each rounded up to whole units. The mean is over these bins; a bin of
    0, which some count too, would only scale the result."""

    def rationales(self, scores: FloatArray) -> BoolArray:
        """The units of each rationale. Shape ``(bins, units)``."""
        return np.stack([top_share(scores, share) for share in self.bins])


@metric("comprehensiveness", higher_is_better=True)
@frozen(kw_only=True)
class Comprehensiveness(Rationales):
    """``p(all) − p(without the rationale)``, probabilities, mean over the bins."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return ~self.rationales(scores)

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(np.exp(case.full()) - np.exp(case.worth(self.plan(scores, case.seed))).mean())


@metric("sufficiency", higher_is_better=False)
@frozen(kw_only=True)
class Sufficiency(Rationales):
    """``p(all) − p(only the rationale)``, probabilities, mean over the bins; 0 is best."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return self.rationales(scores)

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(np.exp(case.full()) - np.exp(case.worth(self.plan(scores, case.seed))).mean())
