"""Methods made from captum's classes, against the same methods of this library."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnLinearRegression
from wherefrom import AttributionModel, explain, list_feature_attribution_methods, load_model
from wherefrom.errors import SettingsError, UnknownNameError
from wherefrom.methods.contract import METHODS
from wherefrom.results.attribution import Attributions
from wherefrom_hf import captum_bridge
from wherefrom_hf.captum_bridge import captum_method, usable_classes

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
PROMPT = "the name of the class"
ANSWER = {"gpt2-tiny": "the name of the class the value is", "t5-tiny": "the value is"}
BOTH = pytest.mark.parametrize("name", ["gpt2-tiny", "t5-tiny"])


@cache
def model_of(name: str) -> AttributionModel:
    torch.set_num_threads(1)
    return load_model(str(MODELS / name), device="cpu")


def explained(name, method, **more):
    model = model_of(name)
    return model.attribute(PROMPT, ANSWER[name], method=method, show_progress=False, **more)[0]


def assert_close(ours, captums, atol):
    assert ours.dimensions == captums.dimensions
    assert ours.signed == captums.signed
    assert (ours.source_attributions is None) == (captums.source_attributions is None)
    for side in ("source_attributions", "target_attributions"):
        if getattr(ours, side) is not None:
            assert np.abs(getattr(ours, side)).max() > 20 * atol, "the comparison would say nothing"
            np.testing.assert_allclose(getattr(captums, side), getattr(ours, side), atol=atol, rtol=0)


@BOTH
@pytest.mark.parametrize(
    "captums, ours, settings",
    [
        ("captum:IntegratedGradients", "integrated_gradients", {"n_steps": 50}),
        ("captum:Saliency", "saliency", {}),
        ("captum:InputXGradient", "input_x_gradient", {}),
        ("captum:FeatureAblation", "feature_ablation", {"baseline": "unk"}),
        ("captum:Occlusion", "occlusion", {"baseline": "unk"}),
    ],
)
def test_exact_classes_give_what_ours_give(name, captums, ours, settings):
    assert_close(explained(name, ours, **settings), explained(name, captums), atol=2e-7)


@BOTH
def test_a_class_can_be_looked_at_under_noise(name):
    ours, captums = (
        explained(name, "smoothgrad", of=of, n_samples=2) for of in ("input_x_gradient", "captum:InputXGradient")
    )
    assert_close(ours, captums, atol=2e-7)
    with_progress = model_of(name).attribute(PROMPT, ANSWER[name], method="vargrad", of="captum:Saliency", n_samples=2)
    assert np.isfinite(with_progress[0].target_attributions).any()


@pytest.mark.parametrize("name", [pytest.param("gpt2-tiny", marks=pytest.mark.heavy), "t5-tiny"])
def test_exact_shapley_values_are_ours(name):
    """Words keep the orders few: captum goes through every one."""
    made = explained(name, "captum:ShapleyValues", units="word", attr_pos_end=3 if name == "t5-tiny" else None)
    exact = explained(
        name, "exact_shapley", baseline="unk", units="word", attr_pos_end=3 if name == "t5-tiny" else None
    )
    assert_close(exact, made, atol=1e-6 if name == "gpt2-tiny" else 2e-7)


@BOTH
@pytest.mark.parametrize(
    "method", [pytest.param("captum:ShapleyValueSampling", marks=pytest.mark.heavy), "captum:KernelShap"]
)
def test_sampled_classes_come_near_the_exact_values(name, method):
    exact = explained(name, "exact_shapley", baseline="unk", attr_pos_end=-1)
    near = explained(name, method, attr_pos_end=-1, settings={"n_samples": 150})
    assert np.corrcoef(_flat(exact), _flat(near))[0, 1] > 0.9


@BOTH
@pytest.mark.parametrize(
    "method, settings",
    [
        ("captum:Lime", {"n_samples": 60, "interpretable_model": SkLearnLinearRegression()}),
        ("captum:KernelShap", {"n_samples": 200}),
        ("captum:ShapleyValueSampling", {"n_samples": 1}),
    ],
)
def test_what_adds_up_is_found_exactly(name, method, settings, monkeypatch):
    """Each unit is worth what is drawn for it: any number of samples must give it back, in its place."""
    rng = np.random.default_rng(0)
    worths = {}

    def worth(game, masks):
        drawn = worths.setdefault(game, rng.normal(size=(len(game.units), len(game.units.steps))))
        return masks @ drawn

    monkeypatch.setattr(captum_bridge.GrowingTable, "worth", worth)
    made = explained(name, method, settings=settings)
    ((game, drawn),) = worths.items()
    seen = 0
    for unit, scores in zip(game.units.members, drawn, strict=True):
        side = made.source_attributions if unit.side == "source" else made.target_attributions
        for index, step in enumerate(game.units.steps):
            visible = unit.side == "source" or unit.start < step
            assert side[unit.start, index] == pytest.approx(scores[index] if visible else 0.0, abs=1e-4)
            seen += visible
    assert seen > 20


def _flat(attribution):
    parts = (attribution.source_attributions, attribution.target_attributions)
    return np.concatenate([part.ravel() for part in parts if part is not None])


@BOTH
def test_gradient_shap_sums_up_and_is_seeded(name):
    many = {"settings": {"n_samples": 300}}
    made = explained(name, "captum:GradientShap", seed=3, **many)
    whole = explained(name, "integrated_gradients", n_steps=100)
    assert np.corrcoef(_flat(whole), _flat(made))[0, 1] > 0.95
    few = {"settings": {"n_samples": 2}}
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    first = explained(name, "captum:GradientShap", seed=3, **few)
    assert first == explained(name, "captum:GradientShap", seed=3, **few)
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])
    assert not first.allclose(explained(name, "captum:GradientShap", seed=4, **few), atol=1e-7)


@BOTH
@pytest.mark.parametrize(
    "captums, ours", [("captum:InputXGradient", "input_x_gradient"), ("captum:FeatureAblation", "feature_ablation")]
)
def test_contrasts_spans_and_sources_alone(name, captums, ours):
    wish = {
        "attributed_fn": "contrast_logits_diff",
        "contrast_targets": ANSWER[name].replace("value", "class"),
        "attributed_span": "all",
        "attribute_target": None if name == "gpt2-tiny" else False,
        "step_scores": ["probability"],
    }
    replaced = {"baseline": "unk"} if ours == "feature_ablation" else {}
    made, own = explained(name, captums, **wish), explained(name, ours, **wish, **replaced)
    for side in ("source_attributions", "target_attributions"):
        if getattr(own, side) is not None:
            np.testing.assert_allclose(getattr(made, side), getattr(own, side), atol=2e-6)
            assert np.abs(getattr(own, side)).max() > 1e-3
    assert (made.target_attributions is None) == (own.target_attributions is None)
    np.testing.assert_allclose(made.step_scores["probability"], own.step_scores["probability"], rtol=1e-5)


@pytest.mark.parametrize("method", ["captum:IntegratedGradients", "captum:ShapleyValueSampling"])
def test_batches_give_what_singles_give(method):
    model = model_of("gpt2-tiny")
    texts = ["the name", "the value of the class is"]
    few = {"settings": {"n_samples": 3} if "Shapley" in method else {"n_steps": 5}, "show_progress": False}
    answers = [f"{text} the end" for text in texts]
    together = model.attribute(texts, answers, method=method, **few)
    for index, result in enumerate(together):
        alone = model.attribute(texts[index], answers[index], method=method, **few)[0]
        assert result.allclose(alone, atol=1e-6)


def test_a_result_is_an_ordinary_attribution():
    out = model_of("gpt2-tiny").attribute(
        PROMPT,
        ANSWER["gpt2-tiny"],
        method="captum:IntegratedGradients",
        settings={"n_steps": 5, "multiply_by_inputs": False},
        show_progress=False,
    )
    assert out.info["method"] == {
        "name": "captum:IntegratedGradients",
        "settings": {"settings": {"n_steps": 5, "multiply_by_inputs": False}},
    }
    assert Attributions.from_bytes(out.to_bytes()) == out
    assert out.aggregate()[0].target_attributions.ndim == 2


def test_windows_are_of_units_in_a_row():
    made = explained("gpt2-tiny", "captum:Occlusion", settings={"sliding_window_shapes": 2})
    assert_close(explained("gpt2-tiny", "occlusion", window=2, baseline="unk"), made, atol=2e-7)


@pytest.mark.parametrize("window, stride", [(3, 1), (50, 1), (3, 3)])
def test_windows_are_no_wider_than_what_a_step_sees(window, stride):
    """The first steps see fewer units than a window holds."""
    settings = {"sliding_window_shapes": window, "strides": stride}
    made = explained("gpt2-tiny", "captum:Occlusion", settings=settings, units=[(0, 2), (2, 4), (4, 5)])
    own = {"window": window, "stride": stride, "baseline": "unk", "units": [(0, 2), (2, 4), (4, 5)]}
    assert_close(explained("gpt2-tiny", "occlusion", **own), made, atol=2e-7)


def test_saliency_can_keep_its_sign():
    made = explained("gpt2-tiny", "captum:Saliency", settings={"abs": False})
    assert made.signed
    assert_close(explained("gpt2-tiny", "saliency", abs=False), made, atol=2e-7)


def test_a_coalition_runs_once_for_all_outputs():
    made = explained("gpt2-tiny", "captum:FeatureAblation")
    units = len(made.details["units"]["target"])
    assert made.details["forwards"] == units + 1


def test_names_are_made_on_demand_and_not_listed():
    assert METHODS.get("captum:Lime") is captum_method("Lime") is METHODS.get("captum:Lime")
    assert "captum:Lime" in METHODS
    assert "captum:Nothing" not in METHODS
    assert "other:Lime" not in METHODS
    assert not [name for name in list_feature_attribution_methods() if ":" in name]
    with pytest.raises(UnknownNameError, match="No attribution method is called 'other:Lime'"):
        METHODS.get("other:Lime")


def test_explain_tells_what_it_is(capsys):
    explain("captum:KernelShap")
    said = capsys.readouterr().out
    assert "captum:KernelShap (attribution method)" in said
    assert "Settings: settings, seed, units, baseline" in said


@pytest.mark.parametrize(
    "name, reason",
    [
        ("DeepLift", "it takes model instead of a forward function"),
        ("LayerConductance", "looks inside a module"),
        ("FeaturePermutation", "exchanges features between the examples"),
        ("LimeBase", "it needs interpretable_model"),
        ("NoiseTunnel", "no gradient or perturbation class"),
        ("GradientAttribution", "computes nothing"),
        ("ShapleyValue", "no class of that name.*Did you mean 'ShapleyValues'"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(name, reason):
    with pytest.raises(UnknownNameError, match=f"(?s)captum:{name} cannot be used.*{reason}.*captum:Lime"):
        load_model(str(MODELS / "gpt2-tiny"), f"captum:{name}", device="cpu")


def test_every_usable_class_answers():
    settings = {"KernelShap": {"n_samples": 20}, "Lime": {"n_samples": 20}, "ShapleyValueSampling": {"n_samples": 2}}
    for name in usable_classes():
        more = {"units": "sentence"} if name == "ShapleyValues" else {}
        made = explained("gpt2-tiny", f"captum:{name}", settings=settings.get(name, {}), **more)
        assert made.target_attributions.shape[:2] == (len(made.target), len(made.steps))
        assert np.isfinite(made.target_attributions).all()
    assert {"IntegratedGradients", "ShapleyValues", "Lime"} <= set(usable_classes())


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"n_stepz": 3}, "Did you mean 'n_steps'"),
        ({"baselines": 0}, "decided by the setting baseline"),
        ({"target": 1}, "decided by the target function"),
        (["n_steps"], "is a mapping from name to value"),
        ({"method": "riemann_upwards"}, "refused by captum"),
    ],
)
def test_settings_that_do_not_fit(settings, says):
    with pytest.raises(SettingsError, match=says):
        explained("gpt2-tiny", "captum:IntegratedGradients", settings=settings)
