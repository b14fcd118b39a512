"""Tau to leave-one-out: do scores order units as removing each alone does?

Source:
    Jain & Wallace (2019), https://arxiv.org/abs/1902.10186.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, metric
from wherefrom.results.comparison import kendall_tau


def leave_one_out_masks(count: int) -> BoolArray:
    """Masks that lack one unit each. Shape ``(count, count)``."""
    return ~np.eye(count, dtype=bool)


def leave_one_out_drops(case: Case) -> FloatArray:
    """Loss of log-probability without each unit, nats. Shape ``(units,)``."""
    drops: FloatArray = case.full() - case.worth(leave_one_out_masks(case.count))
    return drops


@metric("tau_loo", higher_is_better=True)
@frozen(kw_only=True)
class TauLeaveOneOut(Metric):
    """Kendall's tau-b between the scores and the drops without each unit."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return leave_one_out_masks(len(scores))

    def measure(self, scores: FloatArray, case: Case) -> float:
        return kendall_tau(scores, leave_one_out_drops(case))
