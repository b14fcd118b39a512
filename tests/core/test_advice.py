"""Warnings of methods with paths name the steps that are left over, the cause, and a setting that helps."""

from __future__ import annotations

import re

import numpy as np
import pytest
from wherefrom.adapters.rescale import RowMultipliers
from wherefrom.methods import DeepLift, IntegratedGradients
from wherefrom.methods.deeplift import _scores
from wherefrom.methods.integrated_gradients import _Ends, _Refined
from wherefrom.testing import ReferenceModel, question


def left(points: list[int], gaps: list[float]) -> tuple[_Refined, _Ends]:
    """Outputs that were refined by so many points and kept these gaps, in single precision."""
    found, none = np.array(gaps), np.zeros(len(gaps))
    refined = _Refined(sums=None, points=np.array(points), gaps=found, deltas=found)
    return refined, _Ends(change=none + 1, scale=none + 1, narrow="", rounding=none)


@pytest.mark.parametrize(
    "points, gaps, told",
    [
        ([31, 127, 31], [0.9, 0.0006, 0.5], "2 of 3 steps.* after 31 points .largest 0.9.*n_steps=1024, which gives"),
        ([31, 255, 15], [0.0, 0.3, 0.0], "1 of 3 steps.* after 255 points .largest 0.3.*max_points=1024[.]"),
        ([31, 255, 15], [0.2, 0.3, 0.0], "2 of 3 steps.* after 31 to 255 points .largest 0.3.*n_steps=1024, which"),
        ([255, 31, 31], [np.nan, 9.0, 0.0], "2 of 3 steps.* after 31 to 255 points .not a number.*n_steps=1024"),
    ],
)
def test_more_points_are_advised_where_they_help(points: list[int], gaps: list[float], told: str) -> None:
    """Outputs that were given up before the budget was used are given up again with a larger one."""
    method = IntegratedGradients(max_points=256)
    for function, other in (("logit", "attributed_fn='probability'"), ("probability", "another baseline")):
        (warning,) = method._warned(*left(points, gaps), function)
        assert other in warning
        assert re.search(told, warning), warning


@pytest.mark.parametrize("baseline", ["mean", {"target": "mean"}])
def test_the_baseline_in_force_is_no_advice(baseline: object) -> None:
    for given, advised in ((baseline, "another baseline"), ("zero", "baseline='mean'")):
        method = IntegratedGradients(max_points=256, baseline=given)
        (warning,) = method._warned(*left([31], [0.9]), "logit")
        assert f"(it swings less), {advised}, or n_steps" in warning


def deltas_of(shares: list[list[float]], change: list[float]) -> tuple[str, ...]:
    """Warnings of `deeplift` where each step has these shares, one per token, and its score changes by so much."""
    model = ReferenceModel()
    asked = question(model, "the cat sat", "on the")
    width = np.ones((len(asked.target_ids), 1))
    spread = np.zeros((len(change), len(width), 1))
    spread[:, :2, 0] = shares
    made = RowMultipliers(
        values=np.array(change), baseline_values=np.zeros(len(change)), target=spread, target_change=width
    )
    return _scores(DeepLift(), asked, made, complete=True, gap=0.01).warnings


def test_rounding_of_large_shares_is_no_unknown_operation() -> None:
    (warning,) = deltas_of([[2e6, -2e6 + 1.2], [0.5, 0.7 - 0.005]], [0.7, 1.2])
    assert "for 1 of 2 steps the shares miss the change of score by up to 0.5: shares of up to 2e+06 cancel" in warning
    assert "Take another baseline" in warning
    (warning,) = deltas_of([[2e6, -2e6 + 1.2], [0.5, 0.2]], [0.7, 1.2])
    assert "2 of 2 steps" in warning
    assert "an operation that the rescale rule does not know" in warning
    assert not deltas_of([[0.5, 0.2]], [0.7])
