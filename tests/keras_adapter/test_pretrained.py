"""SmolLM2, converted by KerasHub, gives the attributions that it gives in transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom_hf.demo import is_fetched
from wherefrom_hf.demo.pretrained import pretrained_path
from wherefrom_keras.backend import keras_hub

pytestmark = pytest.mark.keras

PROMPT, TEXT = "The capital of France is", "The capital of France is Paris."


@pytest.fixture(scope="module")
def both() -> tuple[Any, Any]:
    if not is_fetched("smollm2"):
        pytest.skip("demo:smollm2 was not fetched: uv run python -m wherefrom_hf.demo.pretrained smollm2")
    here = wherefrom.load_model("demo:smollm2", device="cpu")
    task = keras_hub.models.CausalLM.from_preset(str(pretrained_path("smollm2")), dtype="float32")
    for layer in task.backbone.transformer_layers:  # the conversion leaves out the model's own epsilon
        layer._self_attention_layernorm.epsilon = here.module.config.rms_norm_eps
        layer._feedforward_layernorm.epsilon = here.module.config.rms_norm_eps
    task.backbone.layer_norm.epsilon = here.module.config.rms_norm_eps
    return wherefrom.load_model(task, framework="keras_hub"), here


@pytest.mark.parametrize(
    "method, settings",
    [
        ("saliency", {}),
        ("input_x_gradient", {}),
        ("integrated_gradients", {"n_steps": 7}),
        ("occlusion", {"baseline": "delete", "units": "token"}),
    ],
)
def test_smollm2_says_the_same(both: Any, method: str, settings: dict[str, Any]) -> None:
    ids = [list(map(int, both[1].adapter.encode(text, side="target").ids)) for text in (PROMPT, TEXT)]
    came, expected = (
        model.attribute(*ids, method=method, **settings)[0].aggregate().target_attributions for model in both
    )
    np.testing.assert_allclose(came, expected, atol=1e-4, equal_nan=True)
    assert np.nanmax(np.abs(expected)) > 1e-2


def test_texts_are_tokenised_alike(both: Any) -> None:
    ours, theirs = (model.adapter.encode(TEXT, side="target", add_special_tokens=False) for model in both)
    np.testing.assert_array_equal(ours.ids, theirs.ids)
