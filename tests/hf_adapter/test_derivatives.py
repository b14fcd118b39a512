"""A value or an operation without a derivative is told, and gives no silent zeros or garbage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from wherefrom import load_model
from wherefrom.errors import ModelCapabilityError, SettingsError, WherefromWarning
from wherefrom_hf.demo import demo_path

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


@pytest.mark.parametrize("method", GRADIENTS)
def test_a_detached_value_is_refused(method: str) -> None:
    with pytest.raises(SettingsError, match="The target function has no gradient"):
        ask(fresh(), method, attributed_fn=detached)


@pytest.mark.parametrize("method", ["occlusion", "saliency"])
def test_a_detached_value_is_fine_without_gradients(method: str) -> None:
    asked = {"attributed_fn": detached} if method == "occlusion" else {"step_scores": [detached]}
    assert np.isfinite(ask(fresh(), method, **asked)[0].step_scores.get("detached", np.zeros(1))).all()


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
def test_gradients_that_are_all_zero_are_told(method: str) -> None:
    with pytest.warns(WherefromWarning, match=f"{method}: all gradients of step 0 .* are exactly 0"):
        done = ask(fresh(), method, attributed_fn=rounded)
    assert any("exactly 0" in note for note in done.provenance.warnings)


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
