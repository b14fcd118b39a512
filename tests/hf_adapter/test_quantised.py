"""Quantised weights on the host: gradients like those in full precision, or a refusal.

The libraries that quantise are not installed with the project; docs/models.md has the command.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from wherefrom import load_model
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.demo import demo_path, is_fetched

pytestmark = pytest.mark.real
PROMPT, TEXT = "The capital of France is", "The capital of France is Paris"


def loaded(**settings: Any) -> Any:
    if not is_fetched("smollm2"):
        pytest.skip("demo:smollm2 was not fetched: uv run python -m wherefrom_hf.demo.pretrained smollm2")
    torch.set_num_threads(1)
    path = str(demo_path("smollm2"))
    module = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **settings)
    return load_model(module, tokenizer=transformers.AutoTokenizer.from_pretrained(path))


def saliency(model: Any, method: str = "saliency") -> np.ndarray:
    scores = model.attribute(PROMPT, TEXT, method, show_progress=False)[0].target_attributions
    return np.linalg.norm(np.nan_to_num(scores), axis=-1).ravel() if scores.ndim == 3 else np.nan_to_num(scores).ravel()


@cache
def full() -> np.ndarray:
    return saliency(loaded())


def correlation(scores: np.ndarray) -> float:
    return float(np.corrcoef(scores, full())[0, 1])


def right_or_refused(model: Any) -> None:
    """Asked twice, gradients are those of full precision nearly, or refused; removals work."""
    for _ in range(2):
        try:
            found = correlation(saliency(model))
        except ModelCapabilityError as refusal:
            assert "no derivative" in str(refusal)  # noqa: PT017  # either is right
        else:
            assert found >= 0.9
    model.attribute(PROMPT, TEXT, "occlusion", show_progress=False)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_eight_bits_of_bitsandbytes_have_the_gradients_of_full_precision() -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: uv run --with bitsandbytes pytest")
    model = loaded(quantization_config=transformers.BitsAndBytesConfig(load_in_8bit=True))
    assert correlation(saliency(model)) >= 0.99


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_four_bits_of_bitsandbytes_are_right_or_refused() -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: uv run --with bitsandbytes pytest")
    config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)
    right_or_refused(loaded(quantization_config=config))


@pytest.mark.filterwarnings("ignore")
def test_eight_bits_of_torchao_have_the_gradients_of_full_precision() -> None:
    torchao = pytest.importorskip("torchao", reason="torchao is not installed: uv run --with torchao pytest")
    config = transformers.TorchAoConfig(torchao.quantization.Int8WeightOnlyConfig())
    assert correlation(saliency(loaded(quantization_config=config))) >= 0.99


@pytest.mark.filterwarnings("ignore")
def test_four_bits_of_torchao_have_the_gradients_of_what_they_stand_for() -> None:
    torchao = pytest.importorskip("torchao", reason="torchao is not installed: uv run --with torchao pytest")
    kind = torchao.quantization.IntxWeightOnlyConfig(
        weight_dtype=torch.int4, granularity=torchao.quantization.granularity.PerGroup(32)
    )
    model, plain = loaded(quantization_config=transformers.TorchAoConfig(kind)), loaded()
    with torch.no_grad():
        for few, weight in zip(model.module.parameters(), plain.module.parameters(), strict=True):
            if type(few) is not torch.nn.Parameter:
                weight.copy_(few.dequantize())
    np.testing.assert_allclose(saliency(model), saliency(plain), rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [4, 8])
def test_layers_of_torchao_that_round_what_they_are_given_have_no_gradients(bits: int) -> None:
    torchao = pytest.importorskip("torchao", reason="torchao is not installed: uv run --with torchao pytest")
    kind = (
        torchao.quantization.Int8DynamicActivationInt8WeightConfig()
        if bits == 8
        else torchao.quantization.Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4)
    )
    model = loaded(quantization_config=transformers.TorchAoConfig(kind))
    for method in ("saliency", "integrated_gradients"):
        with pytest.raises(ModelCapabilityError, match="round what they are given"):
            model.attribute(PROMPT, TEXT, method, show_progress=False)
    model.attribute(PROMPT, TEXT, "occlusion", show_progress=False)


def test_four_bits_of_hqq_have_the_gradients_of_full_precision() -> None:
    """Transformers does not load them; a user puts such layers in."""
    quantize = pytest.importorskip("hqq.core.quantize", reason="hqq is not installed: uv run --with hqq pytest")
    model = loaded()
    kind = quantize.BaseQuantizeConfig(nbits=4, group_size=64)
    for part in list(model.module.model.layers.modules()):
        for name, layer in list(part.named_children()):
            if isinstance(layer, torch.nn.Linear):
                setattr(part, name, quantize.HQQLinear(layer, kind, compute_dtype=torch.float32, device="cpu"))
    assert correlation(saliency(model)) >= 0.99


@pytest.mark.filterwarnings("ignore")
def test_eight_bits_of_quanto_have_the_gradients_of_full_precision() -> None:
    pytest.importorskip("optimum.quanto", reason="quanto is not installed: uv run --with optimum-quanto pytest")
    config = transformers.QuantoConfig(weights="int8")
    assert correlation(saliency(loaded(quantization_config=config))) >= 0.99


@pytest.mark.filterwarnings("ignore")
def test_four_bits_of_quanto_are_right_or_refused() -> None:
    pytest.importorskip("optimum.quanto", reason="quanto is not installed: uv run --with optimum-quanto pytest")
    right_or_refused(loaded(quantization_config=transformers.QuantoConfig(weights="int4")))


@pytest.mark.parametrize("dtype, least", [(torch.bfloat16, 0.98), (torch.float16, 0.999), (torch.float64, 0.9999)])
def test_other_precisions_have_the_gradients_of_single(dtype: torch.dtype, least: float) -> None:
    model = loaded()
    model.adapter.module.to(dtype)
    assert correlation(saliency(model)) >= least
    assert model.adapter.card.dtype == str(dtype).removeprefix("torch.")
