"""A value or an operation without a derivative is told, and gives no silent zeros or garbage."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from wherefrom import load_model
from wherefrom.errors import ModelCapabilityError, SettingsError, WherefromWarning
from wherefrom_hf.demo import demo_path

from tests.registered import nothing_stays

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
TEXT = ("The teacher saw", "The teacher saw the doctor .")
GRADIENTS = ("saliency", "input_x_gradient", "integrated_gradients", "deeplift", "layer_gradient_x_activation")
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"n_steps": 3},
    "layer_gradient_x_activation": {"target_layer": "model.layers.0"},
}


def fresh() -> Any:
    torch.set_num_threads(1)
    path = str(demo_path("lm"))
    module = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return load_model(module, tokenizer=AutoTokenizer.from_pretrained(path), device="cpu")


def ask(model: Any, method: str, **more: Any) -> Any:
    return model.attribute(*TEXT, method, show_progress=False, **SETTINGS.get(method, {}), **more)


def detached(args: Any) -> Any:
    return args.at_target(args.log_probabilities()).detach()


def rounded(args: Any) -> Any:
    return torch.round(args.at_target(args.log_probabilities()))


def as_numpy(args: Any) -> Any:
    return detached(args).numpy()


@pytest.mark.parametrize("function", [detached, as_numpy])
@pytest.mark.parametrize("method", GRADIENTS)
def test_a_detached_value_is_refused(method: str, function: Any) -> None:
    with pytest.raises(SettingsError, match="The target function has no gradient"):
        ask(fresh(), method, attributed_fn=function)


@pytest.mark.parametrize("method", ["occlusion", "saliency"])
def test_a_detached_value_is_fine_without_gradients(method: str) -> None:
    asked = {"attributed_fn": detached} if method == "occlusion" else {"step_scores": [detached]}
    assert np.isfinite(ask(fresh(), method, **asked)[0].step_scores.get("detached", np.zeros(1))).all()


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
def test_gradients_that_are_all_zero_are_told(method: str) -> None:
    with pytest.warns(WherefromWarning, match=f"{method}: all gradients of step 7 .* are exactly 0"):
        done = ask(fresh(), method, attributed_fn=rounded)
    assert any("exactly 0" in note for note in done.provenance.warnings)


@pytest.mark.parametrize("method", ["saliency", "integrated_gradients", "occlusion", "kernel_shap"])
@pytest.mark.parametrize("function", ["pcxmi", "in_context_pvi", "kl_divergence"])
def test_a_comparison_with_nothing_is_told(method: str, function: str) -> None:
    with pytest.warns(
        WherefromWarning, match=f"{method}: all scores .* {function} compares .* contrast_targets"
    ) as told:
        ask(fresh(), method, attributed_fn=function)
    assert not any("all gradients" in str(one.message) for one in told)


@pytest.mark.parametrize("method", ["saliency", "occlusion"])
def test_one_flat_step_of_a_comparison_is_not_all_of_them(method: str) -> None:
    model = fresh()
    last = int(model.encode(TEXT[1]).ids[-1])

    def compared(prediction: Any) -> Any:
        return prediction.at_target(prediction.log_probabilities()) * (prediction.target_ids != last)

    with nothing_stays(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        wherefrom.register_step_function(compared, "compared", contrastive=True)
        scores = ask(model, method, attributed_fn="compared")[0].target_attributions
    notes = [str(one.message) for one in told]
    assert scores.any()
    assert not scores[:, -1].any()
    assert not any("all scores" in note for note in notes)
    flat = [note for note in notes if re.search(r"all gradients of step \d+ \([^)]*\) are exactly 0", note)]
    assert len(flat) == (method == "saliency")


STILL: dict[str, dict[str, Any]] = {
    "deeplift": {},
    "integrated_gradients": {"n_steps": 3},
    "gradient_shap": {"n_samples": 3, "baseline": ["unk", "zero"], "attr_pos_end": 2},
    "smoothgrad": {"of": "deeplift", "n_samples": 2},
}


@pytest.mark.parametrize("method", STILL)
def test_a_step_that_sees_only_what_stays_is_told(method: str) -> None:
    model = fresh()
    asked = {"show_progress": False, "attributed_fn": "logit", **STILL[method]}
    with pytest.warns(WherefromWarning, match="all scores of step 1 .* sees nothing but tokens that the base") as told:
        model.attribute(*TEXT, method, attr_pos_start=1, **asked)
    assert not any("all gradients" in str(one.message) for one in told)
    if method != "gradient_shap":
        moved = model.attribute(*TEXT, method, attr_pos_start=1, attr_pos_end=2, keep_special=False, **asked)
        assert np.abs(moved[0].target_attributions).max() > 0


def test_a_first_token_that_stays_is_named_so() -> None:
    model = load_model(str(MODELS / "gpt2-tiny"), device="cpu")
    ids = model.adapter.encode("the value is", side="target").ids
    with pytest.warns(WherefromWarning, match="step 1 .* the first token of a model without one"):
        model.attribute("the value", ids, "deeplift", show_progress=False, attr_pos_start=1)


def test_variance_without_noise_is_told() -> None:
    with pytest.warns(WherefromWarning, match="with stdev=0 nothing varies"):
        ask(fresh(), "vargrad", stdev=0.0, n_samples=2)


def test_gradients_that_are_not_are_not() -> None:
    assert not ask(fresh(), "saliency").provenance.warnings


torch.library.define("wherefrom_test::without_derivative", "(Tensor x) -> Tensor")


@torch.library.impl("wherefrom_test::without_derivative", "CPU")
def _without_derivative(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@pytest.mark.parametrize("method", GRADIENTS)
def test_an_operation_without_a_derivative_is_an_error(method: str) -> None:
    model = fresh()
    block = model.adapter.module.model.layers[-1].mlp
    block.register_forward_hook(lambda part, given, output: torch.ops.wherefrom_test.without_derivative(output))
    for _ in range(2):  # the second time too
        with pytest.raises(ModelCapabilityError, match="no derivative"):
            ask(model, method)
    ask(model, "occlusion")


class OfFewBits(nn.Module):
    """A linear layer with weights of 8 bits."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features = layer.in_features
        self.scale = float(layer.weight.detach().abs().max()) / 127
        self.register_buffer("weight", (layer.weight.detach() / self.scale).round().to(torch.int8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.read(x), self.weight * self.scale)

    def read(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Rounding(OfFewBits):
    """One that rounds what it is given, each position by its largest value."""

    def read(self, x: torch.Tensor) -> torch.Tensor:
        largest = x.detach().abs().amax(-1, keepdim=True) / 127 + 1e-9
        return (x / largest).round() * largest


class StraightThrough(Rounding):
    """One that differentiates its rounding as if nothing were rounded."""

    def read(self, x: torch.Tensor) -> torch.Tensor:
        return x + (super().read(x) - x).detach()


def with_layers(model: Any, kind: type[OfFewBits]) -> Any:
    for layer in model.adapter.module.model.layers:
        for name in ("gate_proj", "up_proj", "down_proj"):
            setattr(layer.mlp, name, kind(getattr(layer.mlp, name)))
    return model


@pytest.mark.parametrize("method", [*GRADIENTS, "attention_gradient_rollout", "gim"])
def test_layers_that_round_what_they_are_given_have_no_gradient(method: str) -> None:
    model = fresh()
    ask(model, method)  # what is put in later is tried, too
    with_layers(model, Rounding)
    for _ in range(2):
        with pytest.raises(ModelCapabilityError, match=r"Rounding with weights of Tensor.*Quantise the weights alone"):
            ask(model, method)
    ask(model, "occlusion")
    ask(model, "attention")


@pytest.mark.parametrize("kind", [OfFewBits, StraightThrough])
def test_layers_of_few_bits_with_a_gradient_are_taken(kind: type[OfFewBits]) -> None:
    full, few = (ask(model, "saliency")[0].target_attributions for model in (fresh(), with_layers(fresh(), kind)))
    assert np.corrcoef(np.nan_to_num(full).ravel(), np.nan_to_num(few).ravel())[0, 1] > 0.99
