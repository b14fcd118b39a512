"""Log-odds: by how much the log-probability changes without the top units.

Source:
    Shrikumar, Greenside & Kundaje (2017), https://arxiv.org/abs/1704.02685; in this form Sanyal & Ren (2021),
    https://arxiv.org/abs/2108.13654.
"""

from __future__ import annotations

from attrs import field, frozen, validators

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, metric
from wherefrom.evaluation.ordering import top_share


@metric("log_odds", higher_is_better=False)
@frozen(kw_only=True)
class LogOdds(ReadsOrder, Metric):
    """``log p(y | without the top units) − log p(y | all)``, nats; low is good."""

    share: float = field(default=0.2, validator=[validators.gt(0.0), validators.le(1.0)])
    """How much of the input is removed, rounded up to whole units."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return ~top_share(scores, self.share)[None]

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(case.worth(self.plan(scores, case.seed))[0]) - case.full()
