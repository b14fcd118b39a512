"""Where a generated answer ends: a batch ends each as it ends alone, whatever ends it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from transformers import (
    AutoTokenizer,
    GenerationConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from wherefrom.errors import InputError, SettingsError
from wherefrom_hf.demo import demo_path
from wherefrom_hf.text.generation import generate

PROMPTS = ["George went home because", "The nurse", "Anna said that the doctors who saw the patient"]
LENGTH = 8


@pytest.fixture(scope="module")
def lm() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:lm", "dummy")


def ids_of(lm: Any, prompts: list[str], settings: dict[str, Any]) -> list[list[list[int]]]:
    encoded = [lm.adapter.encode(prompt, side="target").ids for prompt in prompts]
    answers = lm.adapter.generate(encoded, settings={"max_new_tokens": LENGTH, **settings}, seed=0)
    return [[one[len(ids) :].tolist() for one in some] for ids, some in zip(encoded, answers, strict=True)]


def alone(lm: Any, settings: dict[str, Any]) -> list[list[list[int]]]:
    return [ids_of(lm, [prompt], settings)[0] for prompt in PROMPTS]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("pads_with_end", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_ends_answers_as_they_end_alone(lm: Any, seed: int, pads_with_end: bool, beams: int) -> None:
    rng = np.random.default_rng(seed)
    settings: dict[str, Any] = {"num_beams": beams}
    said = sorted({token for some in alone(lm, settings) for one in some for token in one})
    stops = rng.choice(said, size=2, replace=False).tolist()
    settings |= {"eos_token_id": stops, "pad_token_id": lm.adapter.card.eos_ids[0] if pads_with_end else stops[0]}
    together = ids_of(lm, PROMPTS, settings)
    assert together == alone(lm, settings)
    for (answer,) in together:
        assert answer
        assert not set(answer[:-1]) & set(stops)
        assert answer[-1] in stops or len(answer) == LENGTH


def test_an_end_of_ones_own_leaves_the_models_end_tokens_within_answers(lm: Any) -> None:
    (said,) = ids_of(lm, PROMPTS[:1], {"eos_token_id": -1})[0]
    first, later = said[0], next(token for token in said[1:] if token != said[0])
    (answer,) = ids_of(lm, PROMPTS[:1], {"eos_token_id": later})[0]
    assert answer == said[: said.index(later) + 1]
    assert answer[0] == first


@pytest.mark.parametrize("kind", [np.array, np.int64, torch.tensor, lambda ids: [np.int64(one) for one in ids]])
def test_end_tokens_are_ids_of_any_kind(lm: Any, kind: Any) -> None:
    (said,) = ids_of(lm, PROMPTS[:1], {"eos_token_id": -1})[0]
    later = next(token for token in said[1:] if token != said[0])
    given = kind(later) if kind is np.int64 else kind([later])
    (answer,) = lm.generate(PROMPTS[:1], eos_token_id=given, max_new_tokens=LENGTH)
    assert answer == lm.generate(PROMPTS[:1], eos_token_id=later, max_new_tokens=LENGTH)[0]
    assert ids_of(lm, PROMPTS[:1], {"eos_token_id": given})[0] == [said[: said.index(later) + 1]]


@pytest.mark.parametrize("wrong", ["</s>", [2.5], np.array([True])])
def test_end_tokens_that_are_no_ids_are_refused(lm: Any, wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"eos_token_id = .* expected a whole number"):
        ids_of(lm, PROMPTS[:1], {"eos_token_id": wrong})


def test_stop_strings_need_no_tokenizer_of_the_users(lm: Any) -> None:
    (free,) = lm.generate(PROMPTS[:1], max_new_tokens=LENGTH, output_generated_only=True)
    word = free.split()[1]
    settings = {"stop_strings": [word]}
    (short,) = lm.generate(PROMPTS[:1], max_new_tokens=LENGTH, output_generated_only=True, **settings)
    assert short.rstrip().endswith(word)
    assert len(short) < len(free)
    assert ids_of(lm, PROMPTS, settings) == alone(lm, settings)


@pytest.mark.parametrize("name", ["eos_token_id", "stop_strings"])
def test_what_a_given_configuration_leaves_open_the_models_own_says(
    lm: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch ends answers as they end alone, by the word of three who may have it."""
    ((said,),) = ids_of(lm, PROMPTS[:1], {"eos_token_id": -1})
    value = {"eos_token_id": said[2], "stop_strings": [lm.decode(said[2:3]).strip()]}[name]
    expected = ids_of(lm, PROMPTS, {name: value})
    assert any(len(one) < LENGTH for (one,) in expected)
    config = GenerationConfig(max_new_tokens=LENGTH, **{name: value})
    assert ids_of(lm, PROMPTS, {"generation_config": config}) == expected
    monkeypatch.setattr(lm.adapter.module.generation_config, name, value)
    assert ids_of(lm, PROMPTS, {}) == expected
    assert ids_of(lm, PROMPTS, {"generation_config": GenerationConfig(max_new_tokens=LENGTH)}) == expected


def test_no_end_token_is_none_of_the_models_either(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ((said,),) = ids_of(lm, PROMPTS[:1], {"eos_token_id": -1})
    monkeypatch.setattr(lm.adapter.module.generation_config, "eos_token_id", said[2])
    assert ids_of(lm, PROMPTS[:1], {}) == [[said[:3]]]
    assert ids_of(lm, PROMPTS[:1], {"eos_token_id": None}) == [[said]]


def test_padding_of_a_given_configuration_is_padding(lm: Any) -> None:
    ((said,),) = ids_of(lm, PROMPTS[:1], {"eos_token_id": -1})
    config = GenerationConfig(max_new_tokens=LENGTH, eos_token_id=said[2], pad_token_id=said[0], num_beams=2)
    settings = {"generation_config": config}
    assert ids_of(lm, PROMPTS, settings) == alone(lm, settings)
    assert ids_of(lm, PROMPTS, {**settings, "pad_token_id": None}) == ids_of(lm, PROMPTS, settings)
    with pytest.raises(SettingsError, match=r"pad_token_id must be a whole number .*, not 'x'"):
        ids_of(lm, PROMPTS, {"pad_token_id": "x"})


@pytest.mark.parametrize(
    "settings",
    [
        {"forced_bos_token_id": 9, "max_new_tokens": 3},
        pytest.param({"max_length": 27}, marks=pytest.mark.heavy),
        {"max_new_tokens": LENGTH, "min_length": 26},
        pytest.param({"max_length": 28, "min_length": 25, "num_beams": 2}, marks=pytest.mark.heavy),
        pytest.param({"max_new_tokens": LENGTH, "repetition_penalty": 1.8}, marks=pytest.mark.heavy),
        {"max_new_tokens": LENGTH, "no_repeat_ngram_size": 1},
    ],
)
@pytest.mark.parametrize("of_the_model", [False, pytest.param(True, marks=pytest.mark.heavy)])
def test_padding_is_no_part_of_what_settings_count(
    lm: Any, settings: dict[str, Any], of_the_model: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = lm.adapter.module.generation_config
    monkeypatch.setattr(config, "max_new_tokens", None)
    ((answer,),) = ids_of(lm, PROMPTS[1:2], {"eos_token_id": -1})
    encoded = [lm.adapter.encode(prompt, side="target").ids for prompt in PROMPTS]
    assert len({len(ids) for ids in encoded}) == len(PROMPTS)
    if of_the_model:
        for name, value in settings.items():
            monkeypatch.setattr(config, name, value)
        settings = {}
    for end in dict.fromkeys(answer):  # what answers end with, and prompts are padded with
        given = {**settings, "eos_token_id": end, "pad_token_id": end}
        together = lm.adapter.generate(encoded, settings=given)
        for ids, (one,) in zip(encoded, together, strict=True):
            ((single,),) = lm.adapter.generate([ids], settings=given)
            assert one.tolist() == single.tolist()


class Counting(LogitsProcessor):  # type: ignore[misc]
    """Says what comes next by the number of all ids so far."""

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        chosen = torch.full_like(scores, -torch.inf)
        chosen[:, 40 + input_ids.shape[1]] = 0.0
        return chosen  # type: ignore[return-value]


def test_processors_of_ones_own_see_no_padding(lm: Any) -> None:
    settings = {"logits_processor": LogitsProcessorList([Counting()]), "eos_token_id": -1}
    assert ids_of(lm, PROMPTS, settings) == alone(lm, settings)


def test_padding_adds_no_id_that_a_prompt_does_not_have(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, read = lm.adapter.module, []

    def listened(input_ids: torch.Tensor, **more: Any) -> Any:
        read.extend(zip(input_ids.tolist(), more["attention_mask"].tolist(), strict=True))
        return type(module).generate(module, input_ids=input_ids, **more)

    monkeypatch.setattr(module, "generate", listened)
    ids_of(lm, PROMPTS, {"repetition_penalty": 1.5})
    assert len({len(ids) for ids, _ in read}) == 1
    for ids, visible in read:
        assert set(ids) == {one for one, seen in zip(ids, visible, strict=True) if seen}


@pytest.mark.parametrize("settings", [{"encoder_repetition_penalty": 9.0}, {"encoder_no_repeat_ngram_size": 1}])
@pytest.mark.parametrize("name, begun", [("demo:lm", False), ("demo:mt", False), ("demo:mt", True)])
def test_padding_is_no_part_of_what_is_read(name: str, begun: bool, settings: dict[str, Any]) -> None:
    adapter = wherefrom.load_model(name, "dummy").adapter
    module, side = adapter.module, "source" if name == "demo:mt" else "target"
    prompts = [adapter.encode(text, side=side).ids for text in ("The nurse", "The nurse who was sick went home.")]

    def said(some: list[Any], pad_id: int) -> list[list[int]]:
        prefixes = [np.array([module.config.decoder_start_token_id])] * len(some) if begun else None
        given: dict[str, Any] = {"settings": {**settings, "max_new_tokens": LENGTH}, "seed": None, "tokenizer": None}
        given |= {"decoder_prefixes": prefixes, "pad_id": pad_id, "device": torch.device("cpu")}
        return [answer.tolist() for (answer,) in generate(module, some, **given)]

    ((free,),) = adapter.generate(prompts[:1], settings={"max_new_tokens": LENGTH})
    for pad_id in free[1 if side == "source" else len(prompts[0]) :][:4].tolist():
        assert said(prompts, pad_id) == [said([prompt], pad_id)[0] for prompt in prompts]


def test_prompts_near_the_last_position_go_on_as_alone(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = [lm.adapter.encode(prompt, side="target").ids for prompt in PROMPTS]
    monkeypatch.setattr(lm.adapter.module.generation_config, "max_new_tokens", None)
    monkeypatch.setattr(lm.adapter.module.config, "max_position_embeddings", 30)
    together = lm.adapter.generate(encoded, settings={"eos_token_id": -1})
    for ids, (answer,) in zip(encoded, together, strict=True):
        assert len(answer) == min(30, len(ids) + 20)


def test_a_token_that_is_forced_behind_a_single_one_is_forced_in_a_batch(lm: Any) -> None:
    prompts = [ids[:1] for ids in (lm.adapter.encode(prompt, side="target").ids for prompt in PROMPTS[:1])]
    longer = lm.adapter.encode(PROMPTS[0], side="target").ids
    settings = {"forced_bos_token_id": 9, "max_new_tokens": 2}
    ((first,), (second,)) = lm.adapter.generate([*prompts, longer], settings=settings)
    assert first[1] == 9
    assert second[len(longer)] != 9


class Short(LlamaForCausalLM):  # type: ignore[misc]
    """A model that generates in its own way, with a setting of its own."""

    def generate(self, *args: Any, words: int = 2, **more: Any) -> Any:
        return super().generate(*args, **{**more, "max_new_tokens": words})


def test_a_model_that_generates_in_its_own_way_is_asked_to() -> None:
    module = Short.from_pretrained(str(demo_path("lm")), dtype=torch.float32)
    model = wherefrom.load_model(module, tokenizer=AutoTokenizer.from_pretrained(str(demo_path("lm"))), device="cpu")
    assert [len(one) for (one,) in ids_of(model, PROMPTS, {})] == [2, 2, 2]
    assert [len(one) for (one,) in ids_of(model, PROMPTS, {"words": 3})] == [3, 3, 3]


def test_a_model_among_the_settings_is_named_by_its_class(lm: Any) -> None:
    with pytest.raises(SettingsError, match="'assistant_model': 'LlamaForCausalLM'}"):
        ids_of(lm, PROMPTS, {"assistant_model": lm.module})


@pytest.mark.parametrize("by_name", [True, False])
def test_names_are_held_to_the_answers_that_came(lm: Any, by_name: bool) -> None:
    settings: dict[str, Any] = {"num_return_sequences": 2, "num_beams": 2, "max_new_tokens": 2}
    arguments = settings if by_name else {"generation_config": GenerationConfig(**settings)}

    def names(ids: list[str]) -> list[Any]:
        return [one.id for one in lm.attribute(PROMPTS[:2], generation_args=arguments, ids=ids, show_progress=False)]

    assert names(["a", "b", "c", "d"]) == ["a", "b", "c", "d"]
    assert names(["a", "b"]) == ["a", "a", "b", "b"]
    for wrong in (["a"], list("abcdef")):
        with pytest.raises(InputError, match="ids came for 2 input_texts"):
            names(wrong)


def test_equal_prompts_are_answered_apart_in_batches_of_their_own(lm: Any) -> None:
    settings = {"do_sample": True, "temperature": 3.0, "max_new_tokens": LENGTH}

    def answers(size: int | None, seed: int = 0) -> list[str]:
        given: dict[str, Any] = {"batch_size": size, "seed": seed}
        found: list[str] = lm.generate([PROMPTS[0]] * 3, skip_special_tokens=False, **given, **settings)
        out = lm.attribute([PROMPTS[0]] * 3, generation_args=settings, show_progress=False, **given)
        assert [lm.decode([token.id for token in one.target], skip_special_tokens=False) for one in out] == found
        return found

    assert len({*answers(1)}) == 3
    assert answers(1) == answers(1)
    assert answers(1)[0] == lm.generate(PROMPTS[0], skip_special_tokens=False, seed=0, **settings)[0]
    assert len({*answers(1, seed=2**63 - 1)}) == 3


class After(StoppingCriteria):
    """Ends a row when it has said so many tokens, its own number for each length of a prompt."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths, self.first = lengths, None

    def __call__(self, input_ids: Any, scores: Any, **more: Any) -> Any:
        self.first = input_ids.shape[1] - 1 if self.first is None else self.first
        return torch.tensor([input_ids.shape[1] - self.first >= length for length in self.lengths])


def test_criteria_of_the_users_end_each_row(lm: Any) -> None:
    lengths = [2, 5, 3]
    criteria = StoppingCriteriaList([After(lengths)])
    together = ids_of(lm, PROMPTS, {"stopping_criteria": criteria, "eos_token_id": -1})
    assert [len(one) for (one,) in together] == lengths


def test_several_answers_take_what_was_given_for_their_input(lm: Any) -> None:
    settings = {"num_return_sequences": 2, "num_beams": 2, "max_new_tokens": 3}
    out = lm.attribute(
        PROMPTS[:2], generation_args=settings, ids=["x", "y"], method="saliency", show_progress=False, seed=1
    )
    assert [one.id for one in out] == ["x", "x", "y", "y"]
    contrasted = lm.attribute(
        PROMPTS[0],
        generation_args=settings,
        method="saliency",
        attributed_fn="contrast_prob_diff",
        contrast_targets=PROMPTS[0] + " she was ill",
        show_progress=False,
    )
    assert len(contrasted) == 2
