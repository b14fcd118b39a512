"""The shape of scores: how few units they name, and whether they add up.

Sources:
    Chalasani et al. (2020), https://arxiv.org/abs/1810.06583 (Gini); Bhatt, Weller & Moura (2020),
    https://arxiv.org/abs/2005.00631 (complexity); Sundararajan, Taly & Yan (2017),
    https://arxiv.org/abs/1703.01365 (completeness).
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsSizes, metric, no_masks


@metric("sparseness", higher_is_better=True)
@frozen(kw_only=True)
class Sparseness(ReadsSizes, Metric):
    """Gini index of the absolute scores: 0 when all are alike, near 1 when one has everything."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return no_masks(scores)

    def measure(self, scores: FloatArray, case: Case) -> float:
        values = np.sort(np.abs(scores))
        total = values.sum()
        if not total > 0:
            return float("nan")
        count = len(values)
        return float(1.0 - 2.0 * ((values / total) * ((count - np.arange(1, count + 1) + 0.5) / count)).sum())


@metric("complexity", higher_is_better=False)
@frozen(kw_only=True)
class Complexity(ReadsSizes, Metric):
    """Entropy of the shares of the absolute scores, nats: 0 when one unit has everything, log of their number when all
    are alike."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return no_masks(scores)

    def measure(self, scores: FloatArray, case: Case) -> float:
        shares = np.abs(scores)
        shares = shares[shares > 0]
        if not len(shares):
            return float("nan")
        shares = shares / shares.sum()
        return float(-(shares * np.log(shares)).sum())


@metric("completeness_gap", higher_is_better=False)
@frozen(kw_only=True)
class CompletenessGap(ReadsSizes, Metric):
    """``|Σ a − (f(all) − f(none))| / |f(all) − f(none)|`` with f the log-probability and the removal of the evaluation:
    0 for scores that add up to it. Meant for scores of log-probabilities."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return np.zeros((1, len(scores)), bool)

    def measure(self, scores: FloatArray, case: Case) -> float:
        change = case.full() - float(case.worth(self.plan(scores, case.seed))[0])
        return abs(float(scores.sum()) - change) / abs(change) if change else float("nan")
