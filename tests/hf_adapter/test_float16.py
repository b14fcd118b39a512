"""Gradients of models in float16, whose numbers end where what small probabilities depend on begins."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
import wherefrom
from torch import nn
from wherefrom.step_functions.base import StepPrediction
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.running import chunking
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.scaled import Scaled

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
TEXTS = {
    "llama-tiny": ("the name of", "the name of it is good and not a class"),
    "gpt2-tiny": ("the name of", "the name of it is good and not a class"),
    "t5-tiny": ("the name of", "it is good and not a class"),
    "bart-tiny": ("the name of", "it is good and not a class"),
}
SURE = {"llama-tiny": 1.0, "gpt2-tiny": 3.0, "t5-tiny": 3.0, "bart-tiny": 3.0}
"""How large weights of the output layer are drawn: most tokens are as unlikely as those of a large model."""


def pair_of(name: str) -> tuple[wherefrom.AttributionModel, wherefrom.AttributionModel]:
    """A model in single precision and in half, of the same weights, sure of itself and mostly wrong."""
    path = MODELS / name
    loader = "AutoModelForSeq2SeqLM" if name in ("t5-tiny", "bart-tiny") else "AutoModelForCausalLM"
    module = getattr(transformers, loader).from_pretrained(path, attn_implementation="eager").eval()
    old = module.get_output_embeddings()
    head = nn.Linear(*reversed(old.weight.shape), bias=False)
    torch.manual_seed(0)
    nn.init.normal_(head.weight, 0.0, SURE[name])
    module.config.tie_word_embeddings = False
    module.set_output_embeddings(head)
    half = module.half()
    single, narrow = (
        wherefrom.load_model(one, tokenizer=str(path), device="cpu") for one in (copy.deepcopy(half).float(), half)
    )
    return single, narrow


@pytest.fixture(scope="module", params=TEXTS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any, tuple[str, str]]:
    return (*pair_of(request.param), TEXTS[request.param])


def scores_of(model: wherefrom.AttributionModel, texts: tuple[str, str], **asked: Any) -> np.ndarray:
    """Of all that was read, shape ``(steps, numbers)``."""
    out = model.attribute(*texts, show_progress=False, **asked)[0]
    parts = [one for one in (out.source_attributions, out.target_attributions) if one is not None]
    whole = np.concatenate(parts).swapaxes(0, 1)
    return np.nan_to_num(whole.reshape(len(whole), -1).astype(np.float64))


def correlations(one: np.ndarray, other: np.ndarray) -> list[float]:
    """Of each step; 0 where one says nothing."""
    return [float(np.corrcoef(a, b)[0, 1]) if a.any() and b.any() else 0.0 for a, b in zip(one, other, strict=True)]


METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"n_steps": 5},
    "deeplift": {},
    "attention_gradient_rollout": {},
    "gim": {},
    "libra": {},
    "layer_gradient_x_activation": {"depth": 0.5},
}


@pytest.mark.filterwarnings("ignore:.*shares miss:wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("method", METHODS)
def test_small_probabilities_have_the_gradients_of_single_precision(method: str, pair: Any) -> None:
    single, half, texts = pair
    probabilities = single.attribute(*texts, method="saliency", step_scores=["probability"], show_progress=False)
    assert np.median(probabilities[0].step_scores["probability"]) < 1e-8
    one, other = (scores_of(model, texts, method=method, **METHODS[method]) for model in (single, half))
    assert min(correlations(one, other)) > 0.99
    assert 0.9 < np.abs(other).max() / np.abs(one).max() < 1.1


@pytest.mark.parametrize("name", ["llama-tiny", "t5-tiny"])
def test_texts_of_a_batch_have_scales_of_their_own(name: str) -> None:
    _, half = pair_of(name)
    prompt, text = TEXTS[name]
    given = prompt if name == "llama-tiny" else ""
    texts = [text, *(f"{given} {words}".strip() for words in ("of of of of", "name class a it", "a not good is it"))]
    asked: dict[str, Any] = {"method": "saliency", "step_scores": ["probability"], "show_progress": False}
    alone = [half.attribute(prompt, text, **asked)[0] for text in texts]
    chances = np.stack([one.step_scores["probability"][:4] for one in alone])
    assert (chances.max(axis=0) / chances.min(axis=0)).max() > 1e6
    together = half.attribute([prompt] * len(texts), texts, batch_size=len(texts), **asked)
    for one, other in zip(alone, together, strict=True):
        a, b = (np.nan_to_num(each.target_attributions).swapaxes(0, 1) for each in (one, other))
        assert min(correlations(a.reshape(len(a), -1), b.reshape(len(b), -1))) > 0.99


@pytest.mark.parametrize("name", ["llama-tiny", "gpt2-tiny"])
def test_block_by_block_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    single, half = pair_of(name)
    expected = scores_of(single, TEXTS[name], method="saliency")
    monkeypatch.setattr(chunking, "HOST_PRODUCT_POSITIONS", 1)
    taken: list[bool] = []
    plainly = Differentiator._by_blocks

    def noted(self: Differentiator, *args: Any) -> Any:
        taken.append(True)
        return plainly(self, *args)

    monkeypatch.setattr(Differentiator, "_by_blocks", noted)
    monkeypatch.setattr(Predictor, "memory_limit", 1)
    found = scores_of(half, TEXTS[name], method="saliency")
    assert taken
    assert min(correlations(expected, found)) > 0.99


def test_a_function_that_looks_inside(pair: Any) -> None:
    single, half, texts = pair

    def looks(prediction: StepPrediction) -> Any:
        states = prediction.hidden_states(-1)
        rows = torch.arange(len(prediction.steps), device=states.device)
        chances = prediction.logits.softmax(-1)[rows, prediction.target_ids]
        return chances * (1 + states[prediction.steps - 1].square().mean(-1))

    one, other = (scores_of(model, texts, method="saliency", attributed_fn=looks) for model in (single, half))
    assert min(correlations(one, other)) > 0.99


def test_norms_of_large_states_are_found() -> None:
    norm = transformers.models.llama.modeling_llama.LlamaRMSNorm(576).half()
    torch.manual_seed(0)
    states = (40 * torch.randn(1, 7, 576)).half()
    found = freeze(norm, states, norm(states))
    assert found is not None
    right = states[0].double().square().mean(-1, keepdim=True).rsqrt().expand(-1, 576)
    torch.testing.assert_close(found.scale.double(), right, rtol=1e-4, atol=0)


def test_scales_are_powers_of_two_and_other_types_have_none() -> None:
    given = torch.tensor([[[3e-9, -2e-10]], [[0.0, 0.0]], [[7e4, 1.0]], [[1e-37, 0.0]]])
    scaled = Scaled.of([given], [torch.float16], [], alone=2)
    assert scaled.scales is not None
    assert (scaled.scales.log2() % 1 == 0).all()
    assert (scaled.scales[1] == 1).all()
    torch.testing.assert_close(scaled.back(scaled.cotangents[0]), given, rtol=1e-3, atol=0)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        plain = Scaled.of([given.to(dtype)], [dtype], [given.to(dtype)], alone=2)
        assert plain.scales is None
        assert plain.back(given) is given
        assert torch.equal(plain.cotangents[0], given.to(dtype))
