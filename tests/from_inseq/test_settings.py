"""Settings of methods and functions, by inseq's names for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.errors import SettingsError
from wherefrom.inseq.models.asking import asked
from wherefrom.methods import METHODS, Lime
from wherefrom.settings import former_names

PROMPT, WHOLE = "Mary stayed at home", "Mary stayed at home because she was sick"


def method_of(name: Any, **settings: Any) -> Any:
    groups = {"attribution_args": settings, "attributed_fn_args": {}, "step_scores_args": {}}
    return asked(None, name, "probability", [], {}, groups).method


@pytest.mark.parametrize("name", [name for name in METHODS if former_names(METHODS.get(name))])
def test_every_former_name_is_taken_for_its_setting(name: str) -> None:
    cls = METHODS.get(name)
    others = {"strategy": "maxcount", "quadrature": "riemann_left", "baseline": 0, "n_samples": 3, "stdev": 0.25}
    for former, own in former_names(cls).items():
        assert getattr(method_of(name, **{former: others[own]}), own) == others[own]


def test_methods_without_such_a_setting_are_told_none(caplog: pytest.LogCaptureFixture) -> None:
    method_of("saliency", method="maxcount")
    assert "Nobody takes method" in caplog.text


def test_settings_of_a_method_that_is_made_already_stay() -> None:
    assert method_of(Lime(n_samples=80, mask_prob=0.2)) == Lime(n_samples=80, mask_prob=0.2)
    assert method_of(Lime(n_samples=80, mask_prob=0.2), mask_prob=0.4) == Lime(n_samples=80, mask_prob=0.4)


def test_an_example_without_pairs_is_compared_beside_others_with_some() -> None:
    model = inseq.load_model("demo:lm", "saliency")
    options: dict[str, Any] = {
        "attributed_fn": "contrast_prob_diff",
        "contrast_targets": ["Mary stayed at home because he was sick"] * 2,
        "contrast_targets_alignments": [[(6, 6)], []],
        "show_progress": False,
    }
    whole = model.attribute([PROMPT] * 2, [WHOLE] * 2, **options)
    part = model.attribute([PROMPT] * 2, [WHOLE] * 2, attr_pos_end=8, **options)
    for one, other in zip(whole, part, strict=True):
        rows, steps = other.target_attributions.shape[:2]
        torch.testing.assert_close(other.target_attributions, one.target_attributions[:rows, :steps], equal_nan=True)


@pytest.mark.parametrize(
    "method, settings",
    [
        ("integrated_gradients", {"baselines": float("nan")}),
        ("integrated_gradients", {"baselines": "mean", "baseline": "zero"}),
        ("lime", {"mask_prob": float("nan")}),
        ("saliency", {"attributed_fn": "contrast_prob_diff", "contrast_targets": WHOLE, "logprob": float("nan")}),
        ("saliency", {"step_scores": ["mc_dropout_prob_avg"], "n_mcd_steps": float("nan")}),
    ],
)
def test_settings_that_do_not_fit_are_refused_as_the_library_refuses_them(
    method: str, settings: dict[str, Any]
) -> None:
    model = inseq.load_model("demo:lm", method)
    with pytest.raises(SettingsError):
        model.attribute(PROMPT, WHOLE, show_progress=False, **settings)
