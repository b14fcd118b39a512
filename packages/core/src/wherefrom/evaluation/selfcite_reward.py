"""The reward of a set of citations: necessary and sufficient at once.

Source:
    Chuang et al. (2025), SelfCite, https://arxiv.org/abs/2502.09604.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, metric
from wherefrom.evaluation.ordering import top
from wherefrom.settings import counting


@metric("selfcite_reward", higher_is_better=True)
@frozen(kw_only=True)
class SelfCiteReward(ReadsOrder, Metric):
    """``log p(R | E) − log p(R | C without E)``, nats, for the cited units E: the sum of what is lost without them
    (drop) and what is kept by them alone (hold)."""

    k: int = field(default=1, validator=counting(1))
    """How many units are cited."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        cited = top(scores, self.k)
        return np.stack([cited, ~cited])

    def measure(self, scores: FloatArray, case: Case) -> float:
        only, without = case.worth(self.plan(scores, case.seed))
        return float(only - without)
