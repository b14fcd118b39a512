"""Top-k drop: what is lost without the k highest units.

Source:
    Cohen-Wang, Shah, Georgiev & Madry (2024), ContextCite, https://arxiv.org/abs/2409.00729.
"""

from __future__ import annotations

from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, metric
from wherefrom.evaluation.ordering import top
from wherefrom.settings import counting


@metric("top_k_drop", higher_is_better=True)
@frozen(kw_only=True)
class TopKDrop(ReadsOrder, Metric):
    """``log p(y | all) − log p(y | without the top k)``, nats."""

    k: int = field(default=1, validator=counting(1))

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return ~top(scores, self.k)[None]

    def measure(self, scores: FloatArray, case: Case) -> float:
        return case.full() - float(case.worth(self.plan(scores, case.seed))[0])
