"""What was once wrong on pretrained models, each under its own name. Run by ``uv run pytest -m real``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import WherefromWarning
from wherefrom.methods.finite import bad_steps

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")]

SICK = "George was sick yesterday. His colleagues asked him to come to the"
LONG = "The ferry leaves at noon. " * 12 + "It costs twelve euros. The ticket for the ferry costs"


def last_step(model: Any, prompt: str, continuation: str, **options: Any) -> Any:
    text = prompt + continuation
    return model.attribute(prompt, text, attr_pos_end=None, show_progress=False, **options)[0]


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift", "gradient_shap"])
def test_a_zero_baseline_is_finite_or_said(pretrained: Any, method: str) -> None:
    """Once: NaN for every token, saved and loaded, without a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = last_step(pretrained, "The capital of France is", " Paris", method=method, baseline="zero")
    if bad_steps(out).any():
        assert any(issubclass(one.category, WherefromWarning) and "not finite" in str(one.message) for one in caught)
    elif method == "integrated_gradients":
        assert np.isfinite(out.details["completeness_gap"]).all()


@pytest.mark.parametrize("units", ["word", "sentence"])
def test_units_of_any_length_can_be_deleted(pretrained: Any, units: str) -> None:
    """Once: contents were compared before lengths, and arrays could not be broadcast together."""
    prompt = LONG if units == "sentence" else "The opposite of hot is"
    out = last_step(pretrained, prompt, " cold.", method="occlusion", baseline="delete", units=units)
    assert np.isfinite(out.target_attributions).all()


def test_kernel_shap_with_deletion(pretrained: Any) -> None:
    out = last_step(
        pretrained, "Blue, green, blue, green, blue,", " green", method="kernel_shap", baseline="delete", n_samples=32
    )
    assert np.isfinite(out.target_attributions).all()


def test_integrated_gradients_ends_within_its_budget(smollm2: Any) -> None:
    """Once: 257 points with gaps of 73 to 783 per cent. Measured now: 63 points at most, and the gap is told."""
    out = last_step(smollm2, "The capital of France is", " Paris", method="integrated_gradients")
    assert max(out.details["points"]) <= 64
    assert max(out.details["completeness_gap"]) < 0.05


def test_sick_decides_hospital(smollm2: Any) -> None:
    """A reader finds the cause: of the words before the last sentence's own, *sick* counts most."""
    out = last_step(smollm2, SICK, " hospital", method="occlusion", baseline="delete", units="word")
    first = SICK.index("His")
    scores = {
        token.text.strip(): score
        for token, score in zip(out.target, out.target_attributions[:, 0], strict=True)
        if token.end is not None and token.end <= first
    }
    assert max(scores, key=lambda word: scores[word]) == "sick"
