"""Outputs go through a path in groups where the model bounds its memory, and nothing else comes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from wherefrom.adapters import Row, RowGradients
from wherefrom.attribute import AttributionModel
from wherefrom.methods import DiscretizedIntegratedGradients, GradientShap, IntegratedGradients
from wherefrom.testing.reference import ReferenceModel

TEXTS = {
    "decoder-only": ("the cat sat on", "the cat sat on the mat and the dog saw the cat"),
    "encoder-decoder": ("the cat sat on the mat", "a dog saw the cat and"),
}
METHODS = [
    IntegratedGradients(n_steps=5, return_convergence_delta=True),
    IntegratedGradients(max_points=31, tolerance=1e-3, return_convergence_delta=True),
    IntegratedGradients(max_points=15, multiply_by_inputs=False),
    GradientShap(n_samples=5, stdevs=0.1, baseline=["unk", "zero"], return_convergence_delta=True),
    GradientShap(max_samples=24),
    DiscretizedIntegratedGradients(n_steps=4, between=1, return_convergence_delta=True),
]
IDS = ["fixed", "auto", "sensitivities", "shap", "shap auto", "discretized"]


class Bounded:
    """A model that takes few outputs at once, and notes what it is asked."""

    def __init__(self, model: Any, most: int) -> None:
        self.model = model
        self.most = most
        self.copies: list[int] = []
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def outputs_at_once(self, row: Row, *, copies: int = 1) -> int:
        self.copies.append(copies)
        return self.most

    def gradients(self, rows: Iterable[Row], **settings: Any) -> Iterator[RowGradients]:
        rows = list(rows)
        self.asked += [row.target_function.outputs for row in rows if row.target_function is not None]
        return iter(self.model.gradients(rows, **settings))


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")  # of few samples
@pytest.mark.parametrize("method", METHODS, ids=IDS)
@pytest.mark.parametrize("kind", TEXTS)
def test_in_groups_as_all_at_once(kind: Any, method: Any) -> None:
    model = Bounded(ReferenceModel(kind), 3)
    asked: dict[str, Any] = {"method": method, "step_scores": ["entropy"], "attribute_target": True, "seed": 3}
    whole = AttributionModel(model.model).attribute(*TEXTS[kind], show_progress=False, **asked)[0]
    apart = AttributionModel(model).attribute(*TEXTS[kind], show_progress=False, **asked)[0]
    sides = ("source_attributions", "target_attributions")
    for side in sides if kind == "encoder-decoder" else sides[1:]:
        np.testing.assert_allclose(getattr(apart, side), getattr(whole, side), rtol=0, atol=1e-12)
    assert apart.step_scores.keys() == whole.step_scores.keys()
    for name, scores in whole.step_scores.items():
        np.testing.assert_allclose(apart.step_scores[name], scores, rtol=0, atol=1e-12)
    assert max(model.asked) <= 3 < len(whole.step_scores["entropy"])


def test_sums_of_all_rules_count() -> None:
    """While points are chosen the sums of each nested rule are held, 7, 15, 31 and 63 points, and one answer."""
    model = Bounded(ReferenceModel(), 100)
    for method, copies in ((IntegratedGradients(n_steps=5), 1), (IntegratedGradients(), 4)):
        AttributionModel(model).attribute(*TEXTS["decoder-only"], method=method, show_progress=False)
        assert set(model.copies) == {copies}
        model.copies.clear()
