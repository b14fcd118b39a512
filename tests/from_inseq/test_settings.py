"""Settings of methods and functions, by inseq's names for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.errors import InputError, SettingsError
from wherefrom.inseq.attr.feat.feature_attribution import DEFAULTS, list_feature_attribution_methods
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


@pytest.mark.parametrize("name", [name for name in list_feature_attribution_methods() if name in DEFAULTS])
def test_a_script_that_says_nothing_gets_the_points_and_samples_of_inseq(name: str) -> None:
    """By every way in: a model loaded with the method, one that is asked with it, and the file of the answer."""
    settings = {"target_layer": "model.layers[0]"} if name.startswith("layer_") else {}
    model = inseq.load_model("demo:lm", name, **settings)
    other = inseq.load_model("demo:lm", "saliency").get_attribution_method(name, **settings)
    for setting, value in DEFAULTS[name].items():
        assert getattr(model.attribution_method.method, setting) == value
        assert getattr(other.method, setting) == value
    if name == "integrated_gradients":
        plain, asked_for, fewer = (
            model.attribute(PROMPT, WHOLE, show_progress=False, **given)[0].target_attributions
            for given in ({}, {"n_steps": 50}, {"n_steps": 7})
        )
        torch.testing.assert_close(plain, asked_for, rtol=0, atol=0, equal_nan=True)
        assert not torch.equal(plain.nan_to_num(), fewer.nan_to_num())


@pytest.mark.parametrize("options", [{}, {"attr_pos_start": 5}])
def test_one_contrast_is_not_that_of_two_texts(options: dict[str, Any]) -> None:
    model = inseq.load_model("demo:lm", "saliency")
    with pytest.raises(InputError, match=r"1 text\(s\) for 2 input text\(s\)"):
        model.attribute(
            [PROMPT] * 2,
            [WHOLE] * 2,
            attributed_fn="contrast_prob_diff",
            contrast_targets=OTHER,
            show_progress=False,
            **options,
        )


OTHER = "Mary stayed at home because he was sick"


@pytest.mark.parametrize("options", [{}, {"attr_pos_start": 5}])
def test_a_contrast_is_taken_from_the_groups_too(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    model = inseq.load_model("demo:lm", "saliency")
    asked_for = {"attributed_fn": "contrast_prob_diff", "step_scores": ["contrast_prob_diff"], "show_progress": False}
    right = model.attribute(PROMPT, WHOLE, contrast_targets=OTHER, **asked_for, **options)[0]
    group = {"contrast_targets": OTHER}
    both = {"attributed_fn_args": group, "step_scores_args": group}
    grouped = model.attribute(PROMPT, WHOLE, **both, **asked_for, **options)[0]
    torch.testing.assert_close(grouped.target_attributions, right.target_attributions, equal_nan=True)
    torch.testing.assert_close(grouped.step_scores, right.step_scores)
    with pytest.raises(InputError, match="different contrasts"):
        model.attribute(PROMPT, WHOLE, attributed_fn_args=group, **asked_for, **options)
    forced = model.attribute(PROMPT, WHOLE, contrast_targets=OTHER, contrast_force_inputs=True, **asked_for, **options)[
        0
    ]
    in_part = model.attribute(
        PROMPT, WHOLE, contrast_targets=OTHER, attributed_fn_args={"contrast_force_inputs": True},
        **asked_for, **options,
    )[0]  # fmt: skip
    torch.testing.assert_close(in_part.target_attributions, forced.target_attributions, equal_nan=True)
    assert not torch.equal(forced.target_attributions.nan_to_num(), right.target_attributions.nan_to_num())
    assert not caplog.text
    model.attribute(PROMPT, WHOLE, contrast_targets=OTHER, show_progress=False, **options)
    assert "Nobody takes contrast_targets" in caplog.text


@pytest.mark.parametrize("method", ["attention", "value_zeroing", "dummy"])
def test_methods_without_a_target_function_take_no_contrast(method: str, caplog: pytest.LogCaptureFixture) -> None:
    model = inseq.load_model("demo:lm", method)
    plain = model.attribute(PROMPT, WHOLE, show_progress=False)[0]
    asked_for = {"attributed_fn": "contrast_prob_diff", "contrast_targets": OTHER, "show_progress": False}
    out = model.attribute(PROMPT, WHOLE, **asked_for)
    torch.testing.assert_close(out[0].target_attributions, plain.target_attributions, equal_nan=True)
    assert out.info["attributed_fn_args"] == {}
    assert "Nobody takes contrast_targets" in caplog.text
    caplog.clear()
    scored = model.attribute(PROMPT, WHOLE, step_scores=["contrast_prob_diff"], **asked_for)[0]
    assert bool((scored.step_scores["contrast_prob_diff"] != 0).any())
    assert not caplog.text


def test_settings_of_generation_beside_a_given_text_are_told(caplog: pytest.LogCaptureFixture) -> None:
    model = inseq.load_model("demo:lm", "dummy")
    model.attribute(PROMPT, WHOLE, generation_args={"max_new_tokens": 3}, show_progress=False)
    assert "generation_args are left out" in caplog.text
    caplog.clear()
    model.attribute(PROMPT, generation_args={"max_new_tokens": 3}, show_progress=False)
    assert not caplog.text


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
