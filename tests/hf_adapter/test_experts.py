"""A mixture whose experts no kernel can compute is refused by name, whoever asks; with another it is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import AutoTokenizer, MixtralConfig, MixtralForCausalLM
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS
from wherefrom import AttributionModel, load_model
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.demo import demo_path

from tests.hf_adapter.architectures import build, rows_for
from tests.hf_adapter.test_empty_rows import logits
from tests.hf_adapter.test_probe import predictor_of

PROMPT, TARGET = "The teacher saw", "The teacher saw the doctor"
METHODS = ("saliency", "deeplift", "occlusion", "feature_ablation", "attention", "value_zeroing", "alti", "gim")


def knows_no_double(self: Any, hidden_states: torch.Tensor, *chosen: torch.Tensor) -> torch.Tensor:
    """What computes experts, with a kernel that is there for some precisions alone."""
    if hidden_states.dtype == torch.float64:
        raise RuntimeError("Expected Float32, got Double")
    computed: torch.Tensor = ALL_EXPERTS_FUNCTIONS["batched_mm"](self, hidden_states, *chosen)
    return computed


def never(self: Any, *given: torch.Tensor) -> torch.Tensor:
    """What computes experts, where its library is not installed."""
    raise ImportError("a library of kernels is missing")


@pytest.fixture
def mixture(monkeypatch: pytest.MonkeyPatch) -> AttributionModel:
    """A mixture in double precision."""
    monkeypatch.setitem(ALL_EXPERTS_FUNCTIONS, "knows_no_double", knows_no_double)
    tokenizer = AutoTokenizer.from_pretrained(demo_path("lm"))
    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=3,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
    )
    module = MixtralForCausalLM(config).double().eval()
    module.config._experts_implementation = "knows_no_double"
    return load_model(module, "dummy", tokenizer=tokenizer, device="cpu")


@pytest.mark.parametrize("method", METHODS)
def test_law_every_method_tells_that_experts_do_not_run_and_what_will(mixture: AttributionModel, method: str) -> None:
    def asked() -> Any:
        return mixture.attribute(PROMPT, TARGET, method=method, show_progress=False)[0].target_attributions

    for _ in range(2):  # the reason is no answer that is kept
        with pytest.raises(ModelCapabilityError, match=r"'knows_no_double'.*got Double.*float32.*'eager'") as refusal:
            asked()
        assert str(refusal.value).startswith("MixtralForCausalLM does not run in float64 on 'cpu'")
    mixture.adapter.module.set_experts_implementation("eager")
    exact = asked()
    mixture.adapter.module.config._experts_implementation = "knows_no_double"
    mixture.adapter.module.float()
    np.testing.assert_allclose(asked(), exact, rtol=0, atol=1e-3)


def test_generation_tells_it_too(mixture: AttributionModel) -> None:
    with pytest.raises(ModelCapabilityError, match="'knows_no_double', which computes its experts"):
        mixture.generate(PROMPT)


def test_what_is_not_of_precision_is_not_told_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALL_EXPERTS_FUNCTIONS, "never", never)
    module = build("mixtral")
    module.config._experts_implementation = "never"
    (row,) = rows_for("mixtral", ((5, 8),))
    with pytest.raises(ModelCapabilityError, match="kernels is missing") as refusal:
        logits(predictor_of(module), row)
    assert "Load it in float32" not in str(refusal.value)


def test_errors_from_elsewhere_stay_what_they_are() -> None:
    module = build("mixtral")
    (row,) = rows_for("mixtral", ((5, 8),))
    predictor = predictor_of(module)
    logits(predictor, row)

    def fails(*given: Any) -> None:
        raise RuntimeError("of the user's own")

    module.model.layers[0].mlp.register_forward_hook(fails)
    with pytest.raises(RuntimeError, match="of the user's own"):
        logits(predictor, evolve(row, target_ids=row.target_ids[::-1].copy()))


def test_what_torch_computes_in_double_precision_is_computed_and_the_rest_refused() -> None:
    module = build("mixtral", dtype=torch.float64)
    module.set_experts_implementation("grouped_mm")
    (row,) = rows_for("mixtral", ((5, 8),))
    try:
        with torch.no_grad():
            module(torch.from_numpy(row.target_ids)[None])
    except RuntimeError:
        with pytest.raises(ModelCapabilityError, match="'grouped_mm', which computes its experts"):
            logits(predictor_of(module), row)
    else:
        assert torch.isfinite(logits(predictor_of(module), row)).all()
