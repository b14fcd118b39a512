"""From texts to results with transformers models: prompts, targets, chats, positions, batches and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel
from wherefrom.errors import InputError, ModelLoadError, SettingsError, UnknownNameError, UsageError, WherefromWarning
from wherefrom.methods import IntegratedGradients, Saliency
from wherefrom.methods.default import DEFAULT_METHOD
from wherefrom_hf.demo import demo_path

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
ALL = ["gpt2-tiny", "llama-tiny", "marian-tiny", "bart-tiny", "t5-tiny"]
DECODERS = ALL[:2]
TEXTS = ["the name of the class", "an object", "a value is the name of an object of the class"]


@cache
def model_of(name: str) -> wherefrom.AttributionModel:
    return wherefrom.load_model(str(MODELS / name), "saliency", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def attribute(name: str, *args: Any, **kwargs: Any) -> wherefrom.Attributions:
    return model_of(name).attribute(*args, show_progress=False, **kwargs)


def require_same(one: wherefrom.Attribution, other: wherefrom.Attribution) -> None:
    assert [token.id for token in one.target] == [token.id for token in other.target]
    for side in ("source_attributions", "target_attributions"):
        a, b = getattr(one, side), getattr(other, side)
        if a is None or b is None:
            assert a is b
            continue
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)
    for key in one.step_scores:
        np.testing.assert_allclose(one.step_scores[key], other.step_scores[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("method", ["saliency", "integrated_gradients"])
def test_a_forced_batch_gives_the_scores_of_single_runs(name: str, method: str) -> None:
    is_decoder = name in DECODERS
    targets = [f"{text} is the value" if is_decoder else "the value" + " is" * i for i, text in enumerate(TEXTS)]
    arguments: dict[str, Any] = {"method": method, "step_scores": ["probability"]}
    if method == "integrated_gradients":
        arguments["n_steps"] = 5
    together = attribute(name, TEXTS, targets, **arguments)
    for text, target, one in zip(TEXTS, targets, together, strict=True):
        require_same(one, attribute(name, text, target, **arguments)[0])
    for size in (1, 2):
        for one, other in zip(together, attribute(name, TEXTS, targets, batch_size=size, **arguments), strict=True):
            require_same(one, other)


@pytest.mark.parametrize("name", ALL)
def test_a_generated_batch_gives_the_scores_of_single_runs(name: str) -> None:
    arguments: dict[str, Any] = {"generation_args": {"max_new_tokens": 6}, "step_scores": ["probability"]}
    together = attribute(name, TEXTS, **arguments)
    for text, one in zip(TEXTS, together, strict=True):
        require_same(one, attribute(name, text, **arguments)[0])


@pytest.mark.parametrize("name", ALL)
def test_generated_ids_are_explained_as_they_came(name: str) -> None:
    model = model_of(name)
    ids = model.adapter.encode(TEXTS[0], side="target" if name in DECODERS else "source").ids
    ((generated,),) = model.adapter.generate([ids], settings={"max_new_tokens": 8}, seed=0)
    out = attribute(name, TEXTS[0], generation_args={"max_new_tokens": 8})
    assert [token.id for token in out[0].target] == generated.tolist()
    forced = attribute(name, TEXTS[0], [generated])
    require_same(out[0], forced[0])


def test_a_character_cut_into_bytes_keeps_its_ids() -> None:
    ids = model_of("gpt2-tiny").adapter.encode("the é", side="target").ids
    out = attribute("gpt2-tiny", "the", [ids])
    assert [token.id for token in out[0].target] == ids.tolist()
    assert "".join(token.text for token in out[0].target) == "the é"


@pytest.mark.parametrize("name", DECODERS)
def test_a_step_within_the_prompt_is_explained_when_asked_for(name: str) -> None:
    out = attribute(name, TEXTS[0], f"{TEXTS[0]} is", attr_pos_start=2, step_scores=["probability"])
    alone = attribute(name, TEXTS[0], f"{TEXTS[0]} is", step_scores=["probability"])
    assert out[0].attr_pos_start == 2
    assert len(out[0].steps) > len(alone[0].steps)
    n = len(alone[0].steps)
    np.testing.assert_allclose(out[0].target_attributions[:, -n:], alone[0].target_attributions, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_positions_count_from_the_end_and_the_end_is_exclusive(name: str) -> None:
    target = f"{TEXTS[0]} is the value" if name in DECODERS else "is the value"
    whole = attribute(name, TEXTS[0], target)[0]
    size = len(whole.target)
    part = attribute(name, TEXTS[0], target, attr_pos_start=-3, attr_pos_end=-1)[0]
    assert (part.attr_pos_start, part.attr_pos_end) == (size - 3, size - 1)
    assert [t.text for t in part.steps] == [t.text for t in whole.target[-3:-1]]
    np.testing.assert_allclose(part.target_attributions, whole.target_attributions[:, -3:-1], rtol=1e-5, atol=1e-7)


def test_an_end_beyond_the_target_is_its_end() -> None:
    out = attribute("gpt2-tiny", TEXTS[0], f"{TEXTS[0]} is", attr_pos_end=500)
    assert out[0].attr_pos_end == len(out[0].target)


@pytest.mark.parametrize("name", ALL[2:])
def test_generation_continues_a_decoder_prefix(name: str) -> None:
    out = attribute(
        name,
        TEXTS[:2],
        ["the value", "the"],
        generate_from_target_prefix=True,
        generation_args={"max_new_tokens": 5},
    )
    for one, prefix in zip(out, ["the value", "the"], strict=True):
        given = model_of(name).adapter.encode(prefix, side="target", decoder_prefix=True).ids
        assert [token.id for token in one.target[: len(given)]] == given.tolist()
        assert len(one.target) > len(given)
    plain = attribute(name, TEXTS[0], generation_args={"max_new_tokens": 5})
    assert [t.id for t in plain[0].target[1:3]] != [t.id for t in out[0].target[1:3]], "a prefix outlives its call"


def test_several_returned_sequences_are_several_results() -> None:
    out = attribute(
        "gpt2-tiny", TEXTS[0], generation_args={"max_new_tokens": 4, "num_beams": 2, "num_return_sequences": 2}
    )
    assert len(out) == 2
    assert len(out.provenance.input_texts) == len(out.provenance.generated_texts) == 2


CHAT = (
    "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}is{% endif %}"
)


def test_a_chat_is_rendered_and_its_turns_are_spans() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODELS / "llama-tiny")
    tokenizer.chat_template = CHAT
    model = wherefrom.load_model(str(MODELS / "llama-tiny"), "saliency", tokenizer=tokenizer, device="cpu")
    chat = [{"role": "user", "content": "the name"}, {"role": "assistant", "content": "a class"}]
    out = model.attribute(chat, generation_args={"max_new_tokens": 4}, show_progress=False)
    text = "".join(token.text for token in out[0].source)
    assert text == "<s>user: the name\n<s>assistant: a class"  # an answer that has begun is continued
    turns = [segment for segment in out[0].segments if segment.kind == "turn"]
    assert [turn.label for turn in turns] == ["user", "assistant"]
    said = ["".join(token.text for token in out[0].target[turn.start : turn.end]).strip() for turn in turns]
    assert said == ["the name", "a class"]
    forced = model.attribute(chat, " the value", show_progress=False)
    assert "".join(token.text for token in forced[0].steps).endswith("the value")
    several = model.attribute([chat, chat], [" the value", " the"], show_progress=False)
    require_same(several[0], forced[0])


def test_a_tokenizer_without_template_says_so() -> None:
    with pytest.raises(InputError, match="no chat template"):
        attribute("gpt2-tiny", [{"role": "user", "content": "hi"}])


def test_generation_stops_at_any_of_several_end_tokens() -> None:
    module = AutoModelForCausalLM.from_pretrained(MODELS / "gpt2-tiny")
    free = wherefrom.load_model(module, "saliency", tokenizer=str(MODELS / "gpt2-tiny"), device="cpu")
    said = free.attribute(TEXTS[0], generation_args={"max_new_tokens": 6}, show_progress=False)[0].steps
    module.generation_config.eos_token_id = [0, said[1].id]
    ended = wherefrom.load_model(module, "saliency", tokenizer=str(MODELS / "gpt2-tiny"), device="cpu")
    again = ended.attribute(TEXTS[0], generation_args={"max_new_tokens": 6}, show_progress=False)[0].steps
    first = [token.id for token in said].index(said[1].id)
    assert [token.id for token in again] == [token.id for token in said[: first + 1]]


def test_missing_special_tokens_have_stand_ins() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODELS / "gpt2-tiny")
    tokenizer.pad_token = tokenizer.bos_token = tokenizer.unk_token = None
    module = AutoModelForCausalLM.from_pretrained(MODELS / "gpt2-tiny")
    module.config.bos_token_id = module.config.pad_token_id = None
    model = wherefrom.load_model(module, "integrated_gradients", tokenizer=tokenizer, device="cpu")
    out = model.attribute(TEXTS, generation_args={"max_new_tokens": 3}, n_steps=3, show_progress=False)
    assert all(np.isfinite(one.target_attributions).all() for one in out)


def test_padding_that_is_the_end_token_costs_no_labels() -> None:
    end = model_of("gpt2-tiny").adapter.tokenizer.eos_token
    out = attribute("gpt2-tiny", f"the{end} name", f"the{end} name of")
    assert len(out[0].target) == out[0].target_attributions.shape[0]
    assert any(token.special for token in out[0].target)


def test_a_model_object_keeps_its_attention_and_its_hooks() -> None:
    module = AutoModelForCausalLM.from_pretrained(MODELS / "llama-tiny", attn_implementation="sdpa")
    model = wherefrom.load_model(module, "saliency", tokenizer=str(MODELS / "llama-tiny"), device="cpu")
    model.attribute(TEXTS[0], f"{TEXTS[0]} is", show_progress=False)

    def broken(prediction: Any) -> Any:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        model.attribute(TEXTS[0], f"{TEXTS[0]} is", attributed_fn=broken, show_progress=False)
    assert module.config._attn_implementation == "sdpa"
    hooks = [part for part in module.modules() if part._forward_hooks or part._forward_pre_hooks]
    assert not hooks


def test_methods_come_by_name_class_or_object() -> None:
    target = f"{TEXTS[0]} is"
    by_name = attribute("gpt2-tiny", TEXTS[0], target, method="integrated_gradients", n_steps=4)
    by_object = attribute("gpt2-tiny", TEXTS[0], target, method=IntegratedGradients(n_steps=4))
    by_class = attribute("gpt2-tiny", TEXTS[0], target, method=IntegratedGradients, n_steps=4)
    require_same(by_name[0], by_object[0])
    require_same(by_name[0], by_class[0])
    assert by_name.provenance.method == {"name": "integrated_gradients", "settings": {"n_steps": 4}}


def test_without_a_method_the_default_answers_and_can_be_replaced() -> None:
    model = wherefrom.load_model(str(MODELS / "gpt2-tiny"), device="cpu")
    assert model.attribute(TEXTS[0], show_progress=False)[0].method == DEFAULT_METHOD
    model.attribute(TEXTS[0], method="saliency", override_default_attribution=True, show_progress=False)
    assert model.method == Saliency()


def test_results_tell_how_they_were_made() -> None:
    out = attribute("gpt2-tiny", TEXTS[0], f"{TEXTS[0]} is", step_scores=["probability"], logprob=True)
    made = out.provenance
    assert made.model["name"].endswith("gpt2-tiny")
    assert made.attributed_fn == {"name": "probability", "settings": {"logprob": True}}
    assert made.step_scores == [{"name": "probability", "settings": {"logprob": True}}]
    assert made.constrained_decoding
    assert made.versions["wherefrom"]


def test_integrated_gradients_tell_their_points_and_keep_their_promise() -> None:
    out = attribute(
        "llama-tiny", TEXTS[0], f"{TEXTS[0]} is the", method="integrated_gradients", return_convergence_delta=True
    )
    details = out[0].details
    assert len(details["points"]) == len(out[0].steps)
    assert max(details["completeness_gap"]) <= 0.01
    assert out[0].step_scores["deltas"].shape == (len(out[0].steps),)


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_a_gap_within_the_rounding_of_half_precision_is_told_as_such_and_not_refined(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ends of the path differ by two rounded logits, which no number of points makes more exact."""
    monkeypatch.setattr("wherefrom.methods.integrated_gradients.PATIENCE", 10**6)  # what else would stop it
    model = wherefrom.load_model(
        str(MODELS / "llama-tiny"), "integrated_gradients", device="cpu", model_kwargs={"dtype": dtype}
    )
    settings = {"attributed_fn": "logit", "baseline": "mean", "tolerance": 1e-6, "max_points": 255}
    text = "The capital of France"
    out = model.attribute(text, f"{text} is the", show_progress=False, **settings)
    rounded = [one for one in out.provenance.warnings if "rounding" in one]
    if dtype == "float32":
        assert rounded == []
    else:
        (told,) = rounded
        assert f"which the rounding of {dtype} explains" in told
        assert told.endswith("Load the model in float32.")
        assert min(out[0].details["points"]) < 255, "two rules in a row are enough"


@pytest.mark.parametrize("baseline", ["unk", "pad", "zero", "mean", 5, {"target": "zero"}])
def test_every_baseline_is_complete(baseline: Any) -> None:
    out = attribute(
        "gpt2-tiny",
        TEXTS[0],
        f"{TEXTS[0]} is the",
        method="integrated_gradients",
        baseline=baseline,
        attributed_fn="logit",
        n_steps=60,
        return_convergence_delta=True,
    )
    total = np.abs(out[0].target_attributions.sum(axis=(0, 2)))
    assert (np.abs(out[0].step_scores["deltas"]) <= 1e-2 * np.maximum(total, 1e-1)).all()


def test_a_span_is_one_column() -> None:
    whole = attribute("llama-tiny", TEXTS[0], f"{TEXTS[0]} is the value", attributed_span="all")[0]
    assert len(whole.steps) == 1
    assert whole.target_attributions.shape[1] == 1
    single = attribute(
        "llama-tiny", TEXTS[0], f"{TEXTS[0]} is the value", attributed_fn="probability", logprob=True, abs=False
    )[0]
    signed = attribute("llama-tiny", TEXTS[0], f"{TEXTS[0]} is the value", attributed_span="all", abs=False)[0]
    n = single.attr_pos_start
    np.testing.assert_allclose(
        signed.target_attributions[:n, 0], single.target_attributions[:n].sum(axis=1), rtol=1e-4, atol=1e-6
    )


REFUSED: list[tuple[type[Exception], dict[str, Any], str]] = [
    (UnknownNameError, {"method": "salience"}, "Did you mean 'saliency'"),
    (UnknownNameError, {"attributed_fn": "probabilty"}, "Did you mean 'probability'"),
    (SettingsError, {"n_step": 3, "method": "integrated_gradients"}, "Did you mean 'n_steps'"),
    (SettingsError, {"n_steps": "many", "method": "integrated_gradients"}, "n_steps"),
    (SettingsError, {"n_steps": 0, "method": "integrated_gradients"}, "from 1 to"),
    (SettingsError, {"baseline": "unkown", "method": "integrated_gradients"}, "Did you mean 'unk'"),
    (SettingsError, {"quadrature": "gauss", "n_steps": 3, "method": "integrated_gradients"}, "quadrature"),
    (InputError, {"generated_texts": "something else"}, "must continue its prompt"),
    (InputError, {"generated_texts": TEXTS[0]}, "No step is left"),
    (InputError, {"generated_texts": ["a", "b"]}, "2 generated_texts came for 1"),
    (InputError, {"attr_pos_start": 0}, "no token stands before it"),
    (InputError, {"attr_pos_start": 5, "attr_pos_end": 5}, "start < end"),
    (InputError, {"attr_pos_start": -2, "attr_pos_end": -7}, "start < end"),
    (InputError, {"input_texts": "the name of the class " * 400}, "reads at most"),
    (InputError, {"generated_texts": [[3, 99999]]}, "token id 99999, but"),
    (InputError, {"input_texts": []}, "There is no input"),
    (InputError, {"input_texts": 3}, "must be a text"),
    (InputError, {"generate_from_target_prefix": True, "generated_texts": f"{TEXTS[0]} is"}, "encoder-decoder"),
    (SettingsError, {"generation_args": {"max_new_token": 3}}, "Did you mean 'max_new_tokens'"),
    (SettingsError, {"batch_size": 0}, "at least 1"),
    (UsageError, {"attributed_fn": "rank"}, "cannot be differentiated"),
    (SettingsError, {"device": "abacus"}, "No device is called"),
]


@pytest.mark.parametrize("error, arguments, words", REFUSED, ids=[words for *_, words in REFUSED])
def test_what_does_not_fit_is_refused_in_words(error: type[Exception], arguments: dict[str, Any], words: str) -> None:
    given = {"input_texts": TEXTS[0], **arguments}
    if "generation_args" not in given and "generated_texts" not in given:
        given["generation_args"] = {"max_new_tokens": 3}
    with pytest.raises(error) as caught:
        attribute("gpt2-tiny", **given)
    assert words in str(caught.value)


def test_a_tokenizer_of_another_model_is_told_apart() -> None:
    few = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=2))
    model = wherefrom.load_model(few, "saliency", tokenizer=str(MODELS / "gpt2-tiny"), device="cpu")
    with pytest.raises(InputError, match=r"knows the ids 0 to 8\. Does the tokenizer"):
        model.attribute(TEXTS[0], show_progress=False)


def test_an_empty_source_is_refused_and_an_empty_prompt_is_the_bos() -> None:
    with pytest.raises(InputError, match="encoder would read nothing"):
        attribute("marian-tiny", "")
    out = attribute("llama-tiny", "", generation_args={"max_new_tokens": 3})
    assert [token.text for token in out[0].source] == ["<s>"]


def test_forced_targets_make_generation_arguments_pointless() -> None:
    with pytest.warns(WherefromWarning, match="change nothing"):
        attribute("gpt2-tiny", TEXTS[0], f"{TEXTS[0]} is", generation_args={"max_new_tokens": 3})


@pytest.mark.parametrize(
    "name, words", [("no/such-model-anywhere", "could not be loaded"), ("demo:nothing", "demo"), (7, "takes a hub id")]
)
def test_a_missing_model_is_one_clear_message(name: Any, words: str) -> None:
    with pytest.raises((ModelLoadError, UsageError), match=words) as caught:
        wherefrom.load_model(name)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("left", [0, 1000])
def test_damaged_weights_are_one_clear_message(left: int, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(demo_path("lm"), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    with pytest.raises(ModelLoadError, match="could not be loaded"):
        wherefrom.load_model(str(folder))


def test_paths_are_taken_as_their_texts_are() -> None:
    folder = MODELS / "gpt2-tiny"
    named, placed = (wherefrom.load_model(one, tokenizer=one, device="cpu") for one in (str(folder), Path(folder)))
    assert placed.adapter.card == named.adapter.card


@pytest.mark.parametrize("method", [None, "saliency"])
@pytest.mark.parametrize("name", ["dtype", "device_map", "token"])
def test_what_loading_takes_is_sent_to_its_place(method: str | None, name: str) -> None:
    with pytest.raises(UsageError, match=rf"give it as model_kwargs={{'{name}': \.\.\.}}") as caught:
        wherefrom.load_model("demo:lm", method, **{name: "hf_secret"})
    assert "hf_secret" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_other_precisions_agree(dtype: str) -> None:
    model = wherefrom.load_model(
        str(MODELS / "llama-tiny"), "input_x_gradient", device="cpu", model_kwargs={"dtype": dtype}
    )
    out = model.attribute(TEXTS[0], f"{TEXTS[0]} is", attributed_fn="logit", show_progress=False)
    plain = attribute("llama-tiny", TEXTS[0], f"{TEXTS[0]} is", attributed_fn="logit", method="input_x_gradient")
    a, b = out[0].target_attributions, plain[0].target_attributions
    assert np.abs(a - b).max() <= (0.15 if dtype == "bfloat16" else 1e-4) * np.abs(b).max()
    assert out.provenance.model["dtype"] == dtype
