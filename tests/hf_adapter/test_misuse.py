"""Arguments that mean nothing end in the library's own error, before any work is done."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from hypothesis import given, settings
from hypothesis import strategies as st
from wherefrom.errors import UsageError, WherefromError
from wherefrom.questions.examples import per_answer

TEXT = "George was sick"
TARGET = "George was sick yesterday"
ARGUMENTS = inspect.signature(wherefrom.AttributionModel.attribute).parameters
FLAGS = [name for name, one in ARGUMENTS.items() if one.annotation == "bool"]
NAN = float("nan")

WRONG: dict[str, list[Any]] = {
    "input_texts": [5, None, NAN, [], [5], {}, b"x", "a\ud800b", [[{"role": "user", "content": "\udfff"}]], True],
    "generated_texts": [5, NAN, True, b"x", {}, [], [1.5], "George was sick\ud800", ["a", "b"]],
    "attr_pos_start": [NAN, "1", 1.5, True, [1], {}, 10**30],
    "attr_pos_end": [NAN, "1", 1.5, True, {}, -(10**30)],
    "batch_size": [1.5, "2", NAN, 0, -1, True, [1]],
    "seed": ["x", 1.5, -1, 2**70, None, True, NAN],
    "ids": [["a", "b"], "x", [3], 5, [], ["\ud800"]],
    "device": [5, True, ["cpu"]],
    "progress": [5, "x"],
    "generation_args": [5, "x", [1], {1: 2}],
    "attribution_args": [5, "x"],
    "attributed_fn_args": [5],
    "step_scores_args": [5],
    "step_scores": [5, [5], "nope", [None]],
    "method": [5, "", [], "nope"],
    "attributed_fn": [5, "", "nope", []],
    "attribute_target": ["x", 5],
    "attributed_span": [5, NAN, "nope"],
    "contrast_targets": [5, True, NAN],
    "contrast_sources": [5],
    "contrast_targets_alignments": [5, NAN, [0], [NAN], {0: 1}, [[0]], [[None]], [[(0, 1, 2)]], [True], [{}]],
    **{name: ["x", 5, None] for name in FLAGS},
}
WRONG_SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("gradient_shap", {"stdevs": NAN}),
    ("gradient_shap", {"stdevs": float("inf")}),
    ("smoothgrad", {"stdev": NAN}),
    ("integrated_gradients", {"n_steps": True}),
    ("integrated_gradients", {"n_steps": 0}),
    ("integrated_gradients", {"internal_batch_size": 0}),
    ("integrated_gradients", {"internal_batch_size": -1}),
    ("deeplift", {"internal_batch_size": 0}),
    ("occlusion", {"internal_batch_size": 0}),
    ("lime", {"n_samples": NAN}),
    ("lime", {"n_samples": 0}),
    ("kernel_shap", {"n_samples": "x"}),
]


@pytest.fixture(scope="module")
def model() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:lm", "saliency", device="cpu")


def never(*_: Any) -> None:
    """Work has begun."""
    raise AssertionError("work was done before the arguments were checked")


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_argument_is_refused_in_words(
    model: wherefrom.AttributionModel, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    monkeypatch.setattr(type(model), "_answered", never)
    call: dict[str, Any] = {"input_texts": TEXT, "generated_texts": TARGET, name: value}
    with pytest.raises(UsageError):
        model.attribute(**call)


@pytest.mark.parametrize("method, wrong", WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_in_words(
    model: wherefrom.AttributionModel, monkeypatch: pytest.MonkeyPatch, method: str, wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr(type(model), "_answered", never)
    with pytest.raises(UsageError, match=next(iter(wrong))):
        model.attribute(TEXT, TARGET, method=method, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"num_beams": 0}, {"max_new_tokens": "x"}, {"num_return_sequences": 0}, {"num_beams": -1, "do_sample": None}),
        *({"num_beams": "x"}, {"num_beams": [1]}, {"top_k": -1}, {"max_new_tokens": 0}, {"min_length": 0.5}),
    ],
)
def test_generation_that_cannot_be_is_refused_in_words(model: wherefrom.AttributionModel, wrong: Any) -> None:
    with pytest.raises(UsageError, match="generation_args"):
        model.attribute(TEXT, generation_args=wrong)


@pytest.mark.parametrize(
    "name",
    [
        *("inputs", "input_ids", "inputs_embeds", "attention_mask", "position_ids", "past_key_values", "labels"),
        *("encoder_outputs", "decoder_input_ids"),
    ],
)
def test_inputs_are_no_settings_of_generation(model: wherefrom.AttributionModel, name: str) -> None:
    """They would change what is read while generating, and not what is explained."""
    with pytest.raises(UsageError, match=f"{name!r}, an input of the model.*ids as input_texts"):
        model.attribute(TEXT, generation_args={name: torch.ones((1, 2), dtype=torch.long)})


def test_settings_that_are_fields_of_a_configuration_are_no_inputs(model: wherefrom.AttributionModel) -> None:
    plain = model.generate(TEXT, max_new_tokens=3)
    assert model.generate(TEXT, max_new_tokens=3, use_cache=False, output_attentions=False) == plain


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=4),
    st.binary(max_size=3),
    st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none(), st.floats()), max_size=3),
    st.lists(st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(WRONG)), value=ANYTHING)
@pytest.mark.filterwarnings("ignore")
def test_anything_at_all_is_answered_or_refused_in_words(
    model: wherefrom.AttributionModel, name: str, value: Any
) -> None:
    call: dict[str, Any] = {"input_texts": TEXT, "generated_texts": TARGET, "show_progress": False, name: value}
    if name == "input_texts":
        call.pop("generated_texts")
        call["generation_args"] = {"max_new_tokens": 2}
    with contextlib.suppress(WherefromError):  # any other error fails the test
        model.attribute(**call)


def test_a_column_of_texts_is_a_list_of_texts(model: wherefrom.AttributionModel) -> None:
    texts, targets = np.array([TEXT, "Mary"]), np.array([TARGET, "Mary was"])
    out = model.attribute(texts, targets, method="dummy", show_progress=False)
    assert out.provenance.input_texts == [TEXT, "Mary"]
    assert out.provenance.generated_texts == [TARGET, "Mary was"]


def test_a_contrast_may_be_ids_on_both_sides(model: wherefrom.AttributionModel) -> None:
    """As texts or as their ids, contrasts score alike; and the record keeps the ids."""
    prompt, whole = "Mary was well", "Mary was well again"
    asked = {"attributed_fn": "contrast_prob_diff", "method": "occlusion", "show_progress": False}
    by_text = model.attribute(TEXT, TARGET, contrast_sources=prompt, contrast_targets=whole, **asked)
    ids = {"contrast_sources": model.encode(prompt).ids.tolist(), "contrast_targets": model.encode(whole).ids.tolist()}
    by_ids = model.attribute(TEXT, TARGET, **ids, **asked)
    assert np.array_equal(by_text[0].target_attributions, by_ids[0].target_attributions, equal_nan=True)
    assert {name: by_ids.provenance.arguments[name] for name in ids} == ids


def test_several_answers_to_one_input_share_a_chat_as_contrast() -> None:
    chat = [{"role": "user", "content": "x"}]
    assert per_answer(chat, 1, 2) == [chat, chat]
