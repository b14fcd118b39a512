"""A model of KerasHub keeps the promises of an adapter, and says what transformers says of the same weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom
from attrs import evolve
from wherefrom.adapters import Row, catalogue
from wherefrom.errors import (
    InputError,
    ModelCapabilityError,
    ModelLoadError,
    SettingsError,
    UnknownNameError,
)
from wherefrom.testing import check_adapter
from wherefrom.testing.questions import question
from wherefrom_keras.adapter import load
from wherefrom_keras.backend import keras_hub

pytestmark = pytest.mark.keras

PROMPT, TEXT = "the cat", "the cat sat on the mat"
CLAIMED = catalogue.capabilities()["keras_hub"]


def test_the_conformance_kit_passes_for_every_capability_that_is_told(pair: Any) -> None:
    made = {name.split(":")[0] for name in check_adapter(pair[0])}
    assert made == set(CLAIMED), "the kit has a check for each"


def asked(pair: Any, **question: Any) -> list[Any]:
    """The same question to both."""
    ids = [list(map(int, pair[1].encode(text, side="target").ids)) for text in (PROMPT, TEXT)]
    return [wherefrom.load_model(model).attribute(*ids, **question)[0] for model in pair]


@pytest.mark.parametrize(
    "method, settings",
    [
        ("saliency", {}),
        ("input_x_gradient", {"attributed_fn": "logit"}),
        ("input_x_gradient", {"attributed_fn": "contrast_prob_diff", "contrast_targets": "the cat sat in the old"}),
        ("integrated_gradients", {"n_steps": 8}),
        ("occlusion", {"baseline": "delete", "units": "token"}),
        ("occlusion", {"baseline": "hidden", "units": "token"}),
        ("kernel_shap", {"baseline": "mean", "units": "word", "seed": 3}),
    ],
)
def test_methods_say_what_they_say_in_transformers(pair: Any, method: str, settings: dict[str, Any]) -> None:
    settings = dict(settings)
    if (contrast := settings.get("contrast_targets")) is not None:
        settings["contrast_targets"] = list(map(int, pair[1].encode(contrast, side="target").ids))
    came, expected = asked(pair, method=method, step_scores=["entropy"], **settings)
    np.testing.assert_allclose(came.target_attributions, expected.target_attributions, atol=1e-4, equal_nan=True)
    np.testing.assert_allclose(came.step_scores["entropy"], expected.step_scores["entropy"], atol=1e-4)
    assert np.nanmax(np.abs(expected.target_attributions)) > 1e-3


def test_where_all_is_hidden_it_is_as_in_transformers_or_refused(pair: Any) -> None:
    """No start token stands in front of the text: with the prompt hidden, the first step sees nothing."""
    ids, size = pair[1].encode(TEXT, side="target").ids, len(pair[1].encode(PROMPT, side="target").ids)
    row = Row(target_ids=ids, steps=np.arange(size, len(ids)), target_visible=np.arange(len(ids)) >= size)
    behind = evolve(row, steps=row.steps[1:])
    asked_for = [row, behind] if "GPT2" in type(pair[0].module).__name__ else [behind]
    for one in asked_for:
        came, expected = (np.asarray(next(iter(model.predict([one]))).logits) for model in pair)
        np.testing.assert_allclose(came, expected, atol=1e-4)
    if row is not asked_for[0]:
        function = question(pair[0], PROMPT, TEXT).row().target_function
        for ask in (pair[0].predict, pair[0].gradients):
            with pytest.raises(ModelCapabilityError, match=r"cannot hide all that a token sees.*keep_special=True"):
                next(iter(ask([evolve(row, target_function=function)])))


def test_layers_say_what_they_say_in_transformers(pair: Any) -> None:
    theirs = "transformer.h.0" if "GPT2" in type(pair[0].module).__name__ else "model.layers.0"
    for method, settings in (("layer_gradient_x_activation", {}), ("layer_integrated_gradients", {"n_steps": 8})):
        ids = [list(map(int, pair[1].encode(text, side="target").ids)) for text in (PROMPT, TEXT)]
        came, expected = (
            wherefrom.load_model(model)
            .attribute(*ids, method=method, target_layer=layer, **settings)[0]
            .target_attributions
            for model, layer in zip(pair, ("transformer_layer_0", theirs), strict=True)
        )
        np.testing.assert_allclose(came, expected, atol=1e-4, equal_nan=True)
        assert np.nanmax(np.abs(expected)) > 1e-3


def test_drawn_continuations_depend_on_the_seed_alone(pair: Any) -> None:
    model = pair[0]
    prompt = model.encode(PROMPT, side="target").ids
    settings = {"max_new_tokens": 5, "do_sample": True, "temperature": 2.0, "num_return_sequences": 3}
    first, again, other = (model.generate([prompt], settings=settings, seed=seed)[0] for seed in (1, 1, 2))
    assert [list(one) for one in first] == [list(one) for one in again] != [list(one) for one in other]
    assert len({tuple(one) for one in first}) > 1
    greedy = model.generate([prompt], settings={"max_new_tokens": 5}, seed=1)[0][0]
    for narrow in ({"top_k": 1}, {"top_p": 1e-9}):
        drawn = model.generate([prompt], settings={"max_new_tokens": 5, "do_sample": True, **narrow}, seed=1)[0][0]
        np.testing.assert_array_equal(drawn, greedy)


@pytest.mark.parametrize("wrong", [{"max_new_tokens": -1}, {"num_return_sequences": 0}, {"top_k": 0}, {"top_p": 7.0}])
def test_generation_that_cannot_be_is_refused(gpt2_pair: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        gpt2_pair[0].generate([np.array([5])], settings=wrong)


def test_nothing_is_no_prompt(gpt2_pair: Any) -> None:
    with pytest.raises(InputError, match="the prompt has no token"):
        gpt2_pair[0].generate([np.zeros(0, np.int64)], settings={"max_new_tokens": 1})


HUB = keras_hub.models
SIZES = {"vocabulary_size": 300, "num_layers": 1, "hidden_dim": 16, "intermediate_dim": 32}
HEADS = {"num_query_heads": 4, "num_key_value_heads": 2}
FAMILIES = {
    "Gemma": (HUB.GemmaCausalLM, HUB.GemmaBackbone, {**HEADS, "head_dim": 4}),
    "Gemma3": (HUB.Gemma3CausalLM, HUB.Gemma3Backbone, {**HEADS, "head_dim": 4, "image_size": 16}),
    "OPT": (HUB.OPTCausalLM, HUB.OPTBackbone, {"num_heads": 2, "max_sequence_length": 32}),
    "Bloom": (HUB.BloomCausalLM, HUB.BloomBackbone, {"num_heads": 2, "max_sequence_length": 32}),
    "Phi3": (HUB.Phi3CausalLM, HUB.Phi3Backbone, HEADS),
    "Qwen": (HUB.QwenCausalLM, HUB.QwenBackbone, HEADS),
    "Qwen3": (HUB.Qwen3CausalLM, HUB.Qwen3Backbone, {**HEADS, "head_dim": 4}),
    "Mistral": (HUB.MistralCausalLM, HUB.MistralBackbone, HEADS),
    "Falcon": (HUB.FalconCausalLM, HUB.FalconBackbone, {"num_attention_heads": 4}),
    "GPTNeoX": (HUB.GPTNeoXCausalLM, HUB.GPTNeoXBackbone, {"num_heads": 2}),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_are_cut_where_their_embeddings_come_out(family: str, tokenizer: Any) -> None:
    """`load` holds the parts against the whole; embeddings are then those that the values hang on."""
    task, backbone, own = FAMILIES[family]
    made = task(backbone=backbone(**SIZES, **own), preprocessor=None)
    rng = np.random.default_rng(0)
    for variable in made.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    model = load(made, tokenizer=tokenizer)
    row = Row(target_ids=np.array([5, 6, 7, 8]), steps=np.array([2, 3]))
    logits = np.asarray(next(model.predict([row])).logits)
    ids = np.array([[5, 6, 7]])
    whole = np.asarray(made({"token_ids": ids, "padding_mask": np.ones_like(ids)}))[0, 1:]
    np.testing.assert_allclose(logits, whole, atol=1e-4 * np.abs(whole).max())
    moved = Row(
        target_ids=row.target_ids, steps=row.steps, target_embeds=model.embed(np.array([5, 9, 7, 8]), side="target")
    )
    other = np.array([[5, 9, 7]])
    expected = np.asarray(made({"token_ids": other, "padding_mask": np.ones_like(other)}))[0, 1:]
    came = np.asarray(next(model.predict([moved])).logits)
    np.testing.assert_allclose(came, expected, atol=1e-4 * np.abs(expected).max())
    assert np.abs(came - logits).max() > 1e-3


def test_what_keras_hub_cannot_is_refused_and_others_are_named(pair: Any) -> None:
    model = wherefrom.load_model(pair[0])
    with pytest.raises(ModelCapabilityError, match="Adapters that could serve it: hf_transformers"):
        model.attribute(PROMPT, TEXT, method="attention")
    with pytest.raises(InputError, match="no chat templates"):
        model.attribute([{"role": "user", "content": PROMPT}], TEXT, method="saliency")
    with pytest.raises(InputError, match="decoder-only"):
        list(pair[0].predict([Row(target_ids=np.array([1, 2]), steps=np.array([1]), source_ids=np.array([1]))]))
    with pytest.raises(UnknownNameError, match=r"no layer 'transformer_layer_9'\. Did you mean 'transformer_layer_"):
        model.attribute(PROMPT, TEXT, method="layer_gradient_x_activation", target_layer="transformer_layer_9")
    with pytest.raises(SettingsError, match="beams"):
        model.generate([PROMPT], num_beams=2)


def test_a_text_longer_than_the_table_of_positions_is_refused(gpt2_pair: Any) -> None:
    ids = np.arange(70) % 300
    with pytest.raises(InputError, match="at most 64 tokens, 69 came"):
        list(gpt2_pair[0].predict([Row(target_ids=ids, steps=np.array([69]))]))


def test_only_causal_models_with_a_tokeniser_are_loaded(gpt2_pair: Any, tokenizer: Any) -> None:
    task = gpt2_pair[0].module
    with pytest.raises(ModelLoadError, match=r"CausalLM was expected, GPT2Backbone came"):
        load(task.backbone, tokenizer=tokenizer)
    with pytest.raises(ModelLoadError, match="nothing turns text into tokens"):
        load(task)
    with pytest.raises(ModelLoadError, match="loads no CausalLM from '/nowhere'"):
        load("/nowhere")
    with pytest.raises(SettingsError, match="JAX decides"):
        load(task, tokenizer=tokenizer, device="cpu")
    with pytest.raises(SettingsError, match="an object already"):
        load(task, tokenizer=tokenizer, model_kwargs={"dtype": "float32"})


def test_a_tokeniser_of_its_own_preset_is_named(gpt2_pair: Any, tokenizer: Any, tmp_path: Path) -> None:
    gpt2_pair[0].module.backbone.save_to_preset(str(tmp_path))  # a preset tells its tokeniser by its backbone
    tokenizer.save_to_preset(str(tmp_path))
    card = load(gpt2_pair[0].module, tokenizer=str(tmp_path)).card
    assert card.tokenizer_name == str(tmp_path)
    assert card.name == gpt2_pair[0].card.name == gpt2_pair[0].card.tokenizer_name


def test_a_weight_that_is_no_number_is_named(tokenizer: Any) -> None:
    task, backbone, own = FAMILIES["Qwen"]
    made = task(backbone=backbone(**SIZES, **own), preprocessor=None)
    model = load(made, tokenizer=tokenizer)
    assert model.bad_weights() == ()
    scale = made.backbone.layer_norm.variables[0]
    scale.assign(np.full(scale.shape, np.nan))
    assert model.bad_weights() == (scale.path,), "variables are read when they are needed"


def small() -> Any:
    task, backbone, own = FAMILIES["Qwen"]
    return task(backbone=backbone(**SIZES, **own), preprocessor=None)


def test_a_model_that_has_other_variables_than_when_it_was_loaded_is_refused(tokenizer: Any) -> None:
    made = small()
    model = load(made, tokenizer=tokenizer)
    row = Row(target_ids=np.array([5, 6, 7]), steps=np.array([1, 2]))
    assert list(model.predict([row]))
    made.backbone.enable_lora(2)
    with pytest.raises(ModelCapabilityError, match="other variables than when it was loaded"):
        list(model.predict([row]))
    again = load(made, tokenizer=tokenizer)
    assert list(again.predict([row]))
    made.quantize("int8")
    with pytest.raises(ModelCapabilityError, match="other variables than when it was loaded"):
        list(again.predict([row]))
    with pytest.raises(ModelCapabilityError, match="quantised"):
        load(made, tokenizer=tokenizer)


def test_token_embeddings_that_are_computed_are_refused(tokenizer: Any) -> None:
    made = small()
    made.backbone.token_embedding.enable_lora(2)
    with pytest.raises(ModelCapabilityError, match="LoRA"):
        load(made, tokenizer=tokenizer)


def test_frozen_weights_are_shuffled_too(tokenizer: Any) -> None:
    made = small()
    made.trainable = False
    model = load(made, tokenizer=tokenizer)
    row = Row(target_ids=np.array([5, 6, 7]), steps=np.array([1, 2]))
    (plain,) = model.predict([row])
    with model.randomised(1.0, seed=0) as other:
        (shuffled,) = other.predict([row])
    assert np.abs(np.asarray(plain.logits) - np.asarray(shuffled.logits)).max() > 1e-3


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_models_of_few_digits_are_held_to_those(dtype: str, tokenizer: Any) -> None:
    task, backbone, own = FAMILIES["Qwen"]
    made = task(backbone=backbone(**SIZES, **own, dtype=dtype), preprocessor=None)
    for variable in made.trainable_variables:
        variable.assign(variable.value * 3)
    out = wherefrom.load_model(load(made, tokenizer=tokenizer)).attribute(
        PROMPT, TEXT, method="saliency", show_progress=False
    )
    assert np.isfinite(np.asarray(out[0].target_attributions, np.float32)).all()


@pytest.mark.parametrize("own", [{"sequence_length": 6}, {"dtype": "string"}])
def test_a_tokeniser_that_changes_texts_is_refused(own: dict[str, Any], gpt2_pair: Any, tokenizer: Any) -> None:
    merges = [" ".join(one) if not isinstance(one, str) else one for one in tokenizer.merges]
    other = keras_hub.tokenizers.GPT2Tokenizer(vocabulary=dict(tokenizer.vocabulary), merges=merges, **own)
    with pytest.raises(ModelLoadError, match=next(iter(own))):
        load(gpt2_pair[0].module, tokenizer=other)


def test_ids_beyond_the_vocabulary_are_named(tokenizer: Any) -> None:
    model = load(small(), tokenizer=tokenizer)
    beyond = tokenizer.vocabulary_size() + 2
    assert model.tokens(np.array([5, beyond]), side="target")[1].text == f"<id {beyond}>"
    assert model.decode(np.array([beyond])) == f"<id {beyond}>"


def test_another_backend_is_refused() -> None:
    probe = "import wherefrom_keras.backend as backend; backend.need_jax()"
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "torch"}
    )
    assert run.returncode != 0
    assert "KERAS_BACKEND=jax" in run.stderr
