"""A model whose numbers are not finite is told so by every method: no refusal blames how it is built.

Its weights hold NaN, or are whole and overflow in float16; its rows are short, or long enough to run in pieces.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest
import torch
import transformers
import wherefrom
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running import in_pieces, passes

from tests.laws.claims import CLAIMS
from tests.laws.models import GOLDEN

CAUSES = {"nan": "weights hold NaN", "overflow": "not finite there, in float16"}
IDS = [[5, 17, 9, 23, 11, 30, 8]]
METHODS = sorted(set(CLAIMS) - {"learned_attention"})
"""But the one that weighs what `attention` gives, by a file."""


@cache
def broken(how: str) -> wherefrom.AttributionModel:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, pad_token_id=0
    )
    module = transformers.LlamaForCausalLM(config).eval()
    layer = module.model.layers[0].mlp
    with torch.no_grad():
        if how == "nan":
            layer.up_proj.weight[0, 0] = float("nan")
        elif how == "infinity":
            module.model.layers[0].input_layernorm.weight.fill_(float("inf"))
        else:
            for weight, times in ((layer.down_proj, 4e5), (layer.up_proj, 4e4), (layer.gate_proj, 1e3)):
                weight.weight.mul_(times)
            module = module.half()
    assert how != "overflow" or all(bool(weight.isfinite().all()) for weight in module.parameters())
    return wherefrom.load_model(module, tokenizer=str(GOLDEN / "llama-tiny"), device="cpu")


@pytest.mark.parametrize("how", CAUSES)
@pytest.mark.parametrize("name", METHODS)
def test_scores_that_are_none_are_told_with_their_cause(name: str, how: str) -> None:
    method = CLAIMS[name].method()
    with pytest.warns(wherefrom.WherefromWarning, match=CAUSES[how]):
        broken(how).attribute([IDS[0][:-2]], IDS, method=method, step_scores=["probability"], show_progress=False)


@pytest.mark.parametrize("how", CAUSES)
@pytest.mark.parametrize("name", [name for name in METHODS if name != "dummy"])
def test_scores_of_what_is_not_finite_are_not_finite(name: str, how: str) -> None:
    method = CLAIMS[name].method()
    with pytest.warns(wherefrom.WherefromWarning, match=CAUSES[how]):
        broken(how).attribute([IDS[0][:-2]], IDS, method=method, show_progress=False)


@pytest.mark.parametrize("name", METHODS)
def test_refusals_of_weights_that_are_none_name_them(name: str) -> None:
    method, cause = CLAIMS[name].method(), "weights hold NaN or infinity: model.layers.0.input_layernorm.weight"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            broken("infinity").attribute([IDS[0][:-2]], IDS, method=method, step_scores=["probability"])
        except ModelCapabilityError as refusal:
            assert cause in str(refusal)  # noqa: PT017
            return
    assert any(cause in str(one.message) for one in caught)


@pytest.mark.parametrize("how", CAUSES)
@pytest.mark.parametrize("name", ["dummy", "feature_ablation", "saliency", "attention"])
def test_also_where_layers_run_in_pieces(name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (in_pieces, passes):
        monkeypatch.setattr(module, "LEAST_POSITIONS", 4)
    monkeypatch.setattr(in_pieces, "PIECE", 3)
    with pytest.warns(wherefrom.WherefromWarning, match=CAUSES[how]):
        out = broken(how).attribute([IDS[0][:-2]], IDS, method=name, step_scores=["probability"], show_progress=False)
    assert np.isnan(out[0].step_scores["probability"]).all()
