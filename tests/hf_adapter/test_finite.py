"""No score that is not a number passes without a word."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import wherefrom
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.methods.contract import METHODS
from wherefrom.methods.finite import bad_steps
from wherefrom_hf.demo import demo_path

TEXT, TARGET = "George went home because", "George went home because he was sick"
GRADIENT = [name for name in METHODS if METHODS.get(name).differentiates]
MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


def deep_model(layers: int = 24) -> wherefrom.AttributionModel:
    """A random model with as many root-mean-square norms in a row as real ones have."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(demo_path("lm"))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return wherefrom.load_model(LlamaForCausalLM(config).eval(), tokenizer=tokenizer, device="cpu")


@pytest.fixture(scope="module")
def deep() -> wherefrom.AttributionModel:
    return deep_model()


def finite_or_said(model: Any, method: str, *, text: str = TEXT, target: str = TARGET, **settings: Any) -> None:
    """The law: raised, or every visible number is finite, or a warning names the step."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            out = model.attribute(text, target, method=method, show_progress=False, **settings)
        except WherefromError:
            return
    if bad_steps(out[0]).any():
        said = [str(one.message) for one in caught]
        assert any("not finite" in text and "step" in text for text in said), said
        assert any("not finite" in text for text in out.provenance.warnings)


@pytest.mark.parametrize("baseline", ["mean", "zero", "unk"])
@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_shap", "deeplift"])
def test_a_deep_model_gives_finite_scores_or_says_so(deep, method, baseline):
    finite_or_said(deep, method, baseline=baseline)


@pytest.mark.parametrize("method", [name for name in GRADIENT if "baseline" not in vars(METHODS.get(name))])
def test_gradient_methods_on_a_deep_model(deep, method):
    settings = {"target_layer": "model.layers.3"} if method.startswith("layer") else {}
    finite_or_said(deep, method, **settings)


def test_a_zero_baseline_is_finite_with_the_open_rule(deep):
    """Behind zero embeddings 48 norms in a row have slope 1/sqrt(eps): the end of the path must not be evaluated."""
    with pytest.warns(WherefromWarning, match="completeness gap"):
        out = deep.attribute(
            TEXT, TARGET, method="integrated_gradients", baseline="zero", tolerance=1e-9, show_progress=False
        )
    assert not bad_steps(out[0]).any()
    assert all(math.isfinite(gap) for gap in out[0].details["completeness_gap"])


@pytest.mark.parametrize("method", ["saliency", "occlusion", "attention"])
def test_broken_weights_are_named(method):
    model = wherefrom.load_model(str(MODELS / "gpt2-tiny"), device="cpu")
    name, weights = list(model.adapter.module.named_parameters())[3]
    with torch.no_grad():
        weights[0] = math.nan
    with pytest.warns(WherefromWarning, match=f"step 4 .* not finite.*{name}"):
        out = model.attribute("Hello", "Hello there you", method=method, show_progress=False)
    assert bad_steps(out[0]).all()
    assert any(name in text for text in out.provenance.warnings)


def test_only_what_a_step_sees_counts():
    model = wherefrom.load_model("demo:lm", "saliency", device="cpu")
    out = model.attribute(TEXT, TARGET, show_progress=False)[0]
    scores = out.target_attributions.copy()
    scores[~out.target_visible] = math.nan
    assert not bad_steps(out.replace(target_attributions=scores)).any()
    scores[0, 1] = math.inf
    assert bad_steps(out.replace(target_attributions=scores)).tolist() == [False, True] + [False] * (len(out.steps) - 2)


def without_value(args: Any) -> Any:
    return args.at_target(args.log_probabilities()) * float("nan")


@pytest.mark.parametrize("method", ["occlusion", "saliency"])
def test_a_target_function_without_a_value_is_blamed(deep: wherefrom.AttributionModel, method: str) -> None:
    with pytest.warns(WherefromWarning, match="not finite.*the target function 'without_value' of them is not") as told:
        deep.attribute(TEXT, TARGET, method=method, attributed_fn=without_value, show_progress=False)
    assert not any("method's own passes" in str(one.message) for one in told)


def test_a_step_score_without_a_value_is_named(deep: wherefrom.AttributionModel) -> None:
    with pytest.warns(WherefromWarning, match="step scores are not, whatever the method: without_value") as told:
        deep.attribute(TEXT, TARGET, method="saliency", step_scores=[without_value], show_progress=False)
    assert not any("method's own passes" in str(one.message) for one in told)
