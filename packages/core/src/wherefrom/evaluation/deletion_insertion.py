"""Deletion and insertion: the area under the curve of the probability.

Source:
    Petsiuk, Das & Saenko (2018), RISE, https://arxiv.org/abs/1806.07421.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.arrays import FloatArray, IntArray
from wherefrom.evaluation.contract import Case, metric
from wherefrom.evaluation.ordering import cut_points
from wherefrom.evaluation.perturbation_curves import Curves


@metric("deletion_auc", higher_is_better=False)
@frozen(kw_only=True)
class DeletionAuc(Curves):
    """Area under the probability while the most relevant units go first; trapezoids over a width of 1; low is good."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        most, _ = self.both(scores, case)
        return area(np.exp(most), cut_points(case.count, self.cuts))


@metric("insertion_auc", higher_is_better=True)
@frozen(kw_only=True)
class InsertionAuc(Curves):
    """Area under the probability while the most relevant units come first, beginning with none; high is good."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        _, least = self.both(scores, case)
        return area(np.exp(least), cut_points(case.count, self.cuts))


def area(values: FloatArray, points: IntArray) -> float:
    """Trapezoids over a line of length 1.

    Args:
        points: Where on it each value stands, ascending from 0, shape as ``values``; the last is its end.
    """
    if len(values) < 2:
        return float("nan")
    return float(((values[1:] + values[:-1]) / 2 * np.diff(points)).sum() / points[-1])
