"""A served model keeps the promises of a model that is here, tells what it costs, and survives a server's faults."""

from __future__ import annotations

import importlib.util
import json
import signal
import sqlite3
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.adapters import HidesPositions, PredictsSteps, Rehearsal, Rehearses, Row, SequenceModel, catalogue
from wherefrom.errors import ModelCapabilityError, ModelLoadError, SettingsError, WherefromWarning
from wherefrom.evaluation import evaluate
from wherefrom.evaluation.bench.prompts import Prompt
from wherefrom.evaluation.bench.running import Bench, run_bench
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.crossentropy import CrossEntropy
from wherefrom.testing import check_adapter
from wherefrom_cli.main import main
from wherefrom_openai.adapter import load
from wherefrom_openai.errors import BudgetError, ServerError
from wherefrom_openai.joined import spells

SPEC = importlib.util.spec_from_file_location("stand_in", Path(__file__).with_name("stand_in.py"))
assert SPEC is not None
assert SPEC.loader is not None
stand_in: Any = importlib.util.module_from_spec(SPEC)
sys.modules["stand_in"] = stand_in
SPEC.loader.exec_module(stand_in)
serving = stand_in.serving

WAYS = ("steps", "echo", "prompt_logprobs")
ROW = Row(target_ids=np.array([5, 6, 7, 8, 9]), steps=np.array([2, 3, 4]))


def asked(state: Any, **choices: Any) -> Any:
    return load("reference", base_url=state.url, **{"cache": False, "backoff": 0.001} | choices)


def predicted(model: Any, row: Row = ROW) -> Any:
    return next(iter(list(model.predict([row])))).logits


@pytest.mark.parametrize("way", WAYS)
def test_the_conformance_kit_passes(way: str) -> None:
    with serving(way=way) as state:
        model = asked(state)
        assert model.predictor.ability.way == way
        names = check_adapter(model)
    assert {name.split(":")[0] for name in names} == set(catalogue.capabilities()["openai"])


@pytest.mark.parametrize("way", WAYS)
def test_log_probabilities_are_those_of_the_model_behind(way: str) -> None:
    with serving(way=way) as state:
        came = predicted(asked(state))
    expected = stand_in.logprobs([5, 6, 7, 8])[1:]
    np.testing.assert_allclose(came, expected, atol=1e-9)


def test_a_short_list_is_exact_for_what_it_holds_and_the_rest_is_told() -> None:
    with serving(most=20) as state:
        model = asked(state)
        assert model.predictor.ability.listed == 20
        row = Row(target_ids=np.array([5, 6, int(stand_in.logprobs([5, 6])[-1].argmin())]), steps=np.array([2]))
        with pytest.warns(WherefromWarning, match="1 of 1 target tokens"):
            came = predicted(model, row)[0]
    expected = stand_in.logprobs([5, 6])[-1]
    best = np.argsort(-expected)[:20]
    np.testing.assert_allclose(came[best], expected[best], atol=1e-9)
    assert np.exp(came).sum() == pytest.approx(1)


@pytest.mark.parametrize("way", ["echo", "prompt_logprobs"])
def test_behind_the_last_token_stands_the_one_that_is_looked_up(way: str) -> None:
    unlikely = int(stand_in.logprobs([5, 6])[-1].argmin())
    function = TargetFunction(function=CrossEntropy(), target_ids=np.array([6, unlikely]))
    expected = -stand_in.logprobs([5, 6])[-1][unlikely]
    with serving(way=way, most=3) as state:
        model = asked(state)
        for row in (
            Row(target_ids=np.array([5, 6]), steps=np.array([1, 2]), target_function=function),
            Row(target_ids=np.array([5, 6]), steps=np.array([1, 2]), scores={"own": function}),
        ):
            (answer,) = model.predict([row])
            assert -answer.logits[1, unlikely] == pytest.approx(expected)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"max_new_tokens": -3}, {"max_new_tokens": 0}, {"max_new_tokens": "x"}, {"num_return_sequences": 0}),
        *({"top_p": 7.0}, {"temperature": -1}, {"temperature": 0.0}, {"num_beams": 2}),
    ],
)
def test_generation_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with serving() as state:
        model = asked(state)
        before = state.completions
        with pytest.raises(SettingsError, match=rf"{next(iter(wrong))}"):
            model.generate([np.array([5])], settings={"do_sample": True, **wrong})
        assert state.completions == before, "nothing was sent"


def test_several_answers_of_neighbouring_seeds_are_drawn_apart() -> None:
    settings = {"max_new_tokens": 1, "do_sample": True, "num_return_sequences": 4}
    with serving() as state:
        model = asked(state)
        for seed in range(3):
            model.generate([np.array([5, 6])] * 2, settings=settings, seed=seed)
    assert len(set(state.seeds)) == len(state.seeds) == 24
    assert state.seeds[::8] == [0, 1, 2]


@pytest.mark.parametrize("way", WAYS)
def test_the_dialect_of_vllm_says_the_same(way: str) -> None:
    texts = ("the cat sat on", "the cat sat on the mat")
    question: dict[str, Any] = {"method": "occlusion", "baseline": "delete"}
    here = wherefrom.load_model(stand_in.MODEL).attribute(*texts, **question)[0]
    with serving(way=way, dialect="vllm") as state:
        with pytest.raises(SettingsError, match="does not tell how large the vocabulary"):
            asked(state)
        model = asked(state, vocabulary=stand_in.SIZE)
        assert type(model.predictor.wording._tokeniser).__name__ == "VLLM"
        assert model.card.max_length == 64
        prompt = model.encode("the cat", side="target").ids
        (answer,) = model.generate([prompt], settings={"max_new_tokens": 2})[0]
        came = wherefrom.load_model(model).attribute(*texts, **question)[0]
    (expected,) = stand_in.MODEL.generate([prompt], settings={"max_new_tokens": 2})[0]
    np.testing.assert_array_equal(answer, expected)
    assert [token.text.strip() for token in came.target] == [token.text.strip() for token in here.target]
    np.testing.assert_allclose(came.target_attributions, here.target_attributions, atol=1e-8)


@pytest.mark.parametrize(
    "method, settings",
    [
        *((name, {"baseline": "delete"}) for name in ("occlusion", "lime", "kernel_shap", "shapley_value_sampling")),
        ("occlusion", {"baseline": "unk"}),
        ("kernel_shap", {"baseline": "delete", "units": "word"}),
    ],
)
def test_perturbation_methods_give_what_they_give_on_the_model_behind(method: str, settings: dict[str, Any]) -> None:
    question: dict[str, Any] = {
        "method": method,
        "seed": 1,
        "attributed_fn": "crossentropy",
        "step_scores": ["entropy"],
    }
    texts = ("the cat sat on", "the cat sat on the mat")
    here = wherefrom.load_model(stand_in.MODEL).attribute(*texts, **question, **settings)[0]
    with serving() as state:
        served = wherefrom.load_model(
            "reference", framework="openai", base_url=state.url, cache=False, replacement="<unk>"
        )
        came = served.attribute(*texts, **question, **settings)[0]
    np.testing.assert_allclose(came.target_attributions, here.target_attributions, atol=1e-8)
    np.testing.assert_allclose(came.step_scores["entropy"], here.step_scores["entropy"], atol=1e-8)


def test_contrasts_and_reagent_work() -> None:
    with serving() as state:
        served = wherefrom.load_model("reference", framework="openai", base_url=state.url, cache=False)
        contrast = {"contrast_targets": "the cat sat on the dog", "attributed_fn": "contrast_prob_diff"}
        texts = ("the cat sat on", "the cat sat on the mat")
        came = served.attribute(*texts, method="occlusion", baseline="delete", **contrast)[0]
        here = wherefrom.load_model(stand_in.MODEL).attribute(
            *texts, method="occlusion", baseline="delete", **contrast
        )[0]
        np.testing.assert_allclose(came.target_attributions, here.target_attributions, atol=1e-8)
        with pytest.warns(WherefromWarning, match="reagent: no probe stopped"):
            assert np.isfinite(
                served.attribute(*texts, method="reagent", max_probe_steps=3)[0].target_attributions
            ).any()


def test_a_contrast_that_is_not_listed_is_told() -> None:
    unlikely = int(stand_in.logprobs([1, 5, 6])[-1].argmin())
    with serving() as state:
        served = wherefrom.load_model(asked(state, top_logprobs=stand_in.SIZE - 1))
        likely = int(stand_in.logprobs([1, 5, 6])[-1].argmax())
        question: dict[str, Any] = {"method": "occlusion", "baseline": "unk", "attributed_fn": "contrast_prob_diff"}
        with pytest.warns(WherefromWarning, match="contrast tokens were not among the"):
            served.attribute([1, 5, 6], [1, 5, 6, likely], contrast_targets=[1, 5, 6, unlikely], **question)


@pytest.mark.parametrize("method", ["occlusion", "kernel_shap", "lime", "shapley_value_sampling"])
def test_a_rehearsal_tells_the_requests_that_are_made(method: str) -> None:
    texts = ("the cat sat on", "the cat sat on the mat")
    question: dict[str, Any] = {"method": method, "baseline": "delete", "units": "word"}
    with serving() as state:
        model = asked(state)
        rehearsal = model.rehearsal()
        assert isinstance(rehearsal, Rehearsal)
        before = state.completions
        wherefrom.load_model(rehearsal).attribute(*texts, **question)
        assert state.completions == before, "a rehearsal sends no predictions"
        wherefrom.load_model(model).attribute(*texts, **question)
        assert rehearsal.requests == model.spent.requests == state.completions - before > 0
        assert rehearsal.request_tokens == model.spent.tokens
        again = model.rehearsal()
        wherefrom.load_model(again).attribute(*texts, **question)
        assert again.requests == 0, "answers are kept"


def test_contexts_evaluation_and_bench_say_what_they_say_of_the_model_behind(tmp_path: Path) -> None:
    likely = int(stand_in.logprobs(list(stand_in.MODEL.encode("the cat sat on", side="target").ids))[-1].argmax())
    answer = " " + stand_in.MODEL.decode(np.array([likely])).strip()
    prompt = Prompt(id="1", set="s", prompt="the cat sat on", answer=answer)
    bench = Bench(methods=("occlusion[baseline=delete]",), metrics=("abpc", "tau_loo"), removals=("delete",))

    def told(model: Any, name: str) -> Any:
        context = model.attribute_context("who was it", "the cat sat on", output="it was the cat", method="occlusion")
        scores = model.attribute("the cat sat on", "the cat sat on the mat", method="occlusion", baseline="delete")
        judged = evaluate(scores, model, ("abpc", "comprehensiveness"), removals=("delete",))
        ranked = run_bench(model, [prompt], bench, tmp_path / name)
        assert ranked.measurements, "the prompt was kept"
        values = [one.value for evaluation in (judged, ranked) for one in evaluation.measurements]
        return context.cti_scores, [cue.scores for cue in context.cci_scores], values

    with serving() as state:
        served = told(wherefrom.load_model(asked(state, replacement="<unk>")), "served.jsonl")
    for came, expected in zip(served, told(wherefrom.load_model(stand_in.MODEL), "here.jsonl"), strict=True):
        assert expected
        np.testing.assert_allclose(
            np.array(came, dtype=float).ravel(), np.array(expected, dtype=float).ravel(), atol=1e-7, equal_nan=True
        )


@pytest.mark.parametrize("way", WAYS)
def test_the_cost_told_before_is_the_cost(way: str) -> None:
    rows = [ROW, Row(target_ids=np.array([5, 6, 1, 8]), steps=np.array([2, 3])), ROW]
    with serving(way=way) as state:
        model = asked(state)
        told = model.cost(rows)
        before = (state.completions, state.tokens)
        list(model.predict(rows))
        assert (told.requests, told.tokens) == (state.completions - before[0], state.tokens - before[1])
        assert (model.spent.requests, model.spent.tokens) == (told.requests, told.tokens)
        assert model.cost(rows).requests == 0, "answers are kept"


def test_answers_on_disk_serve_the_next_session(tmp_path: Path) -> None:
    with serving() as state:
        first = predicted(asked(state, cache=str(tmp_path / "answers.sqlite")))
        again = asked(state, cache=str(tmp_path / "answers.sqlite"))
        assert again.cost([ROW]).requests == 0
        np.testing.assert_array_equal(predicted(again), first)
        assert again.spent.requests == 0


@pytest.mark.parametrize("way", WAYS)
def test_answers_of_other_weights_under_the_same_name_are_not_taken(way: str, tmp_path: Path) -> None:
    """One port, one name, and a model that was exchanged; the first one's answers serve when it is back."""

    def sharper(answer: Any) -> None:
        """Another model: its log-probabilities are those of twice the logits."""

        def sharpen(logprobs: dict[Any, float]) -> dict[Any, float]:
            total = np.log(sum(np.exp(2 * value) for value in logprobs.values()) or 1.0)
            return {name: float(2 * value - total) for name, value in logprobs.items()}

        choice = answer["choices"][0]
        for one in choice.get("prompt_logprobs") or ():
            for name, value in sharpen({name: told["logprob"] for name, told in (one or {}).items()}).items():
                one[name]["logprob"] = value
        lists = choice.get("logprobs") or {}
        for one in lists.get("content") or ():
            values = sharpen({told["id"]: told["logprob"] for told in one["top_logprobs"]})
            for told in one["top_logprobs"]:
                told["logprob"] = values[told["id"]]
        if "top_logprobs" in lists:
            lists["top_logprobs"] = [one and sharpen(one) for one in lists["top_logprobs"]]
            for place, (name, one) in enumerate(zip(lists["tokens"], lists["top_logprobs"], strict=True)):
                lists["token_logprobs"][place] = one and one[name]

    kept = str(tmp_path / "answers.sqlite")
    with serving(way=way) as state:
        first = asked(state, cache=kept)
        said = predicted(first)
        state.altered = sharper
        other = asked(state, cache=kept)
        assert other.cost([ROW]).kept == 0
        assert other.fingerprint() != first.fingerprint()
        np.testing.assert_array_equal(predicted(other), predicted(asked(state, cache=False)))
        assert np.abs(predicted(other) - said).max() > 0.1
        state.altered = None
        again = asked(state, cache=kept)
        assert again.fingerprint() == first.fingerprint()
        assert again.cost([ROW]).requests == 0


def test_a_file_of_llama_cpp_is_told_from_another() -> None:
    with serving() as state:
        told = {"eos_token": "</s>", "bos_token": "<s>"}
        prints = []
        for path in ("/a.gguf", "/b.gguf"):
            state.odd["/props"] = told | {"model_path": path}
            prints.append(asked(state).fingerprint())
    assert prints[0] != prints[1]


def test_a_cache_that_takes_no_more_is_told_and_the_work_goes_on(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    with serving() as state:
        expected = predicted(asked(state))
        model = asked(state, cache=kept)
        other = sqlite3.connect(kept)
        other.execute("DROP TABLE answers")
        other.commit()
        with pytest.warns(WherefromWarning, match=r"no longer kept in .*answers\.sqlite \(no such table: answers\)"):
            np.testing.assert_array_equal(predicted(model), expected)
        assert model.cost([ROW]).requests == 0, "answers are kept in memory"


def test_a_cache_of_another_kind_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "answers.sqlite") as other:
        other.execute("CREATE TABLE answers (a, b)")
    with serving() as state, pytest.raises(SettingsError, match=r"cannot be kept in .*no such column: answer"):
        asked(state, cache=tmp_path / "answers.sqlite")


def test_a_budget_stops_before_anything_is_sent() -> None:
    with serving() as state:
        model = asked(state, max_requests=2)
        before = state.completions
        with pytest.raises(BudgetError, match="3 requests more; 0 of the budget of 2"):
            predicted(model)
        assert state.completions == before


@pytest.mark.parametrize("faults", [["429"], ["500", "503"], ["529", "520"], ["507"], ["cut"], ["slow"]])
def test_a_fault_that_passes_is_waited_for(faults: list[str]) -> None:
    with serving() as state:
        model = asked(state, timeout=0.5, concurrency=1)
        state.faults = list(faults)
        np.testing.assert_allclose(predicted(model), stand_in.logprobs([5, 6, 7, 8])[1:], atol=1e-9)
        assert not state.faults


@pytest.mark.parametrize(
    "fault, way, match",
    [
        ("nan", "steps", "Log-probabilities are expected"),
        ("empty", "steps", "no list of likely tokens"),
        ("short", "prompt_logprobs", "5 tokens were sent"),
        ("401", "steps", "refuses with status 401"),
        ("501", "steps", "refuses with status 501"),
    ],
)
def test_a_wrong_answer_is_an_error_not_a_number(fault: str, way: str, match: str) -> None:
    with serving(way=way) as state:
        model = asked(state)
        state.faults = [fault]
        with pytest.raises((ServerError, ModelCapabilityError), match=match):
            predicted(model)


def in_echo(change: Any) -> Any:
    """A change to what an echo holds: names, log-probabilities, lists."""

    def altered(answer: Any) -> None:
        lists = answer["choices"][0].get("logprobs") or {}
        if "tokens" in lists and lists["token_logprobs"][0] is None:
            change(*(lists[name] for name in ("tokens", "token_logprobs", "top_logprobs")))

    return altered


def in_prompt(change: Any) -> Any:
    """A change to ``prompt_logprobs``."""

    def altered(answer: Any) -> None:
        if "prompt_logprobs" in answer["choices"][0]:
            change(answer["choices"][0]["prompt_logprobs"])

    return altered


def begun(*lists: Any) -> None:
    for one, new in zip(lists, ("token_id:1", -3.0, {"token_id:1": -3.0}), strict=True):
        one.insert(len(one) if new == "token_id:1" else 1, new)
    lists[0].insert(0, lists[0].pop())


def shifted_and_cut(*lists: Any) -> None:
    begun(*lists)
    for one in lists:
        one.pop()


def at(place: int, value: Any) -> Any:
    def change(_names: Any, own: Any, _top: Any) -> None:
        own[place] = value

    return change


def told_twice(names: Any, own: Any, top: Any) -> None:
    top[2] = {names[2]: own[2] - 0.5}


ABOUT_ANOTHER = [
    ("echo", in_echo(begun), "7 tokens, 7 log-probabilities and 7 lists came back"),
    ("echo", in_echo(shifted_and_cut), "Token 5 was sent at place 0, and the server answered about token 1"),
    ("echo", in_echo(at(0, -1.0)), "Nothing stands before the first of 5 tokens"),
    ("echo", in_echo(at(2, None)), "5 tokens were sent, and log-probabilities of 3 came back"),
    ("echo", in_echo(lambda _names, _own, top: top.pop()), "6 tokens, 6 log-probabilities and 5 lists"),
    ("echo", in_echo(told_twice), "One log-probability of each token is expected; the server gave"),
    ("prompt_logprobs", in_prompt(lambda lists: lists.insert(1, lists[1])), "5 tokens were sent, and 6 places"),
    ("prompt_logprobs", in_prompt(lambda lists: lists.reverse() or lists.insert(0, lists.pop())), "Token 6 was sent"),
    ("prompt_logprobs", in_prompt(lambda lists: lists[3].pop("8")), "Token 8 was sent at place 3, and the"),
]


@pytest.mark.parametrize("way, altered, match", ABOUT_ANOTHER)
def test_an_answer_about_other_tokens_than_were_sent_is_an_error(way: str, altered: Any, match: str) -> None:
    with serving(way=way) as state:
        model = asked(state, top_logprobs=3)
        state.altered = altered
        with pytest.raises(ServerError, match=match) as told:
            predicted(model)
    assert "forced='steps'" in str(told.value) or "Look at" in str(told.value)


@pytest.mark.parametrize("way, altered, _match", ABOUT_ANOTHER[:1] + ABOUT_ANOTHER[6:7])
def test_a_server_that_answers_about_other_tokens_is_asked_for_steps(way: str, altered: Any, _match: str) -> None:
    with serving(way=way, altered=altered) as state:
        model = asked(state)
        assert model.predictor.ability.way == "steps"
        np.testing.assert_allclose(predicted(model), stand_in.logprobs([5, 6, 7, 8])[1:], atol=1e-9)


def test_a_refusal_tells_what_came_of_every_way() -> None:
    with serving(way="echo", altered=in_echo(begun)) as state:
        state.faults = ["400"] * 5
        with pytest.raises(ModelCapabilityError, match=r"It said: prompt_logprobs, 1 tokens: .* 400.*; echo: 5 tokens"):
            asked(state, forced="prompt", top_logprobs=1000)


def test_an_echo_without_the_generated_token_and_with_names_as_text_is_taken() -> None:
    def altered(names: Any, own: Any, top: Any) -> None:
        names[:] = ["the"] * (len(names) - 1)
        own.pop()
        top.pop()
        own[1:] = [round(value, 4) for value in own[1:]]

    with serving(way="echo", altered=in_echo(altered)) as state:
        came = predicted(asked(state, forced="prompt"))
    np.testing.assert_allclose(came, stand_in.logprobs([5, 6, 7, 8])[1:], atol=1e-4)


COMPLETIONS = "/v1/completions"


def step(*listed: tuple[Any, Any]) -> dict[str, Any]:
    """A completion of one token whose list holds these ids and log-probabilities."""
    likely = [{"id": index, "token": "?", "logprob": value} for index, value in listed]
    content = {"id": listed[0][0], "token": "?", "logprob": listed[0][1], "top_logprobs": likely}
    return {"choices": [{"finish_reason": "length", "logprobs": {"content": [content]}}]}


@pytest.mark.parametrize(
    "answer, match",
    [
        (step(*((i, 0.0) for i in range(20))), "of 20 tokens that the server gave make 20 together"),
        (step((1, -0.1), (2, -2.0)), "make 1.04 together"),
        (step((99999, -1.0)), "named token 99999, and the vocabulary has"),
        (step((-1, -1.0)), "named token -1, and the vocabulary has"),
    ],
)
def test_what_is_no_distribution_over_the_vocabulary_is_an_error(answer: Any, match: str) -> None:
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = answer
        with pytest.raises(ServerError, match=match):
            predicted(model)


def named(listed: dict[str, float]) -> dict[str, Any]:
    """A completion of one token, its list by names."""
    lists = {"tokens": ["?"], "token_logprobs": [-1.0], "top_logprobs": [listed]}
    return {"choices": [{"finish_reason": "length", "logprobs": lists}]}


@pytest.mark.parametrize(
    "answer",
    [step((7, -1.0), (8, -2.0), (7, -3.0)), named({"token_id:7": -1.0, "token_id:8": -2.0, "token_id:07": -3})],
)
def test_a_token_with_two_log_probabilities_is_an_error(answer: Any) -> None:
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = answer
        with pytest.raises(ServerError, match=r"gave -1\.0 and -3(\.0)? for token 7 in one list"):
            predicted(model)


def test_a_token_that_is_listed_twice_alike_is_taken() -> None:
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = step((7, -1.0), (8, -2.0), (7, -1.0), (9, -9999.0), (9, float("-inf")))
        assert predicted(model)[0, [7, 8]].tolist() == [-1.0, -2.0]


def test_names_that_are_spelt_alike_and_differ_are_left_out() -> None:
    cat, dog = (stand_in.MODEL.vocabulary.id_of(name) for name in ("▁cat", "▁dog"))
    answer = step((dog, -1.5))
    alike = [{"token": name, "logprob": value} for name, value in ((" cat", -1.0), (" cat", -2.0), (" dog", -3.0))]
    answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"] += alike
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = answer
        with pytest.warns(WherefromWarning, match="were not among"):
            came = predicted(model)[0]
    assert came[dog] == -1.5, "an id that is told says more than a name"
    assert came[cat] < -2, "an even share of the rest"
    assert len(set(np.delete(came, dog))) == 1


def test_a_name_is_the_token_that_spells_it_and_no_other(tmp_path: Path) -> None:
    cat = stand_in.MODEL.vocabulary.id_of("▁cat")
    row = Row(target_ids=np.array([5, cat]), steps=np.array([1]))
    with serving() as state:
        model = asked(state, cache=tmp_path / "answers")
        state.odd[COMPLETIONS] = named({" cat": -2.0, "cat": -1.0, " dog": -3.0})
        for _ in range(2):  # the second answer is one that was kept
            with pytest.warns(WherefromWarning, match=r"Up to 0\.368 of a step's probability is of texts .* tells ids"):
                assert predicted(model, row)[0, cat] == -2.0
        state.odd[COMPLETIONS] = named({"cat": -1.0, "dog": -3.0})
        with pytest.raises(ServerError, match=r"names the 2 tokens that it lists by text \('cat', 'dog'\)"):
            predicted(model, ROW)


def test_a_number_that_is_none_is_shown() -> None:
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = step((5, -1.0), (6, -2.0), (7, -3.0), (8, -4.0), (9, None), (3, 0.5))
        with pytest.raises(ServerError, match=r"of 6 .* 2 are none: nan for token 9, 0.5 for token 3 "):
            predicted(model)


@pytest.mark.parametrize("dialect", ["llama.cpp", "vllm"])
def test_more_tokens_than_were_asked_for_are_an_error(dialect: str) -> None:
    def altered(answer: Any) -> None:
        lists = answer["choices"][0]["logprobs"]
        for one in lists.values():
            one[:0] = one[:1]

    with serving(dialect=dialect) as state:
        model = asked(state, vocabulary=stand_in.SIZE, forced="steps")
        state.altered = altered
        with pytest.raises(ServerError, match=r"At most 1 generated token was asked for .* and 2 came"):
            predicted(model)
        with pytest.raises(ServerError, match=r"At most 3 generated tokens were asked for .* and 4 came"):
            model.generate([np.array([5, 6])], settings={"max_new_tokens": 3})


def test_the_length_of_the_lists_that_came_is_told() -> None:
    likely = [int(i) for i in np.argsort(-stand_in.logprobs([5, 6])[-1])]
    row = Row(target_ids=np.array([5, 6, likely[-1]]), steps=np.array([2]))
    with serving() as state:
        with pytest.warns(WherefromWarning, match=r"the 20 tokens .* Raise top_logprobs"):
            predicted(asked(state, top_logprobs=20), row)
        model = asked(state, top_logprobs=20)
        state.odd[COMPLETIONS] = step(*((i, -4.0) for i in likely[:7]))
        with pytest.warns(WherefromWarning, match=r"the 7 tokens .* It was asked for 20 and lists no more") as told:
            predicted(model, row)
    assert "Raise" not in str(told[0].message)


def test_a_distribution_that_a_server_rounds_is_taken() -> None:
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = step(*((i, -2.302) for i in range(10)))
        assert predicted(model)[0, 3] == -2.302


@pytest.mark.parametrize("index", [99999, -1, "5", 5.5, True])
def test_a_generated_token_outside_the_vocabulary_is_an_error(index: Any) -> None:
    with serving() as state:
        model = asked(state)
        state.odd[COMPLETIONS] = step((index, -1.0))
        with pytest.raises(ServerError):
            model.generate([np.array([5, 6])], settings={"max_new_tokens": 1})


ERROR = {"error": {"message": "overloaded"}}


def ask_all(model: Any) -> None:
    """Ask a model what needs each of its server's addresses."""
    predicted(model)
    model.encode([{"role": "man", "content": "the cat"}], side="target")
    model.decode(np.array([11]))


@pytest.mark.parametrize(
    "path, answer",
    [
        *((COMPLETIONS, odd) for odd in (ERROR, [1], None, {"choices": []}, step((1, "-1")), step(("5", -1.0)))),
        *(("/tokenize", odd) for odd in (ERROR, {"tokens": [1, 2]}, {"tokens": [{"id": 1, "piece": None}]})),
        ("/detokenize", ERROR),
        ("/apply-template", ERROR),
    ],
)
def test_an_answer_of_another_form_is_an_error_that_quotes_it(path: str, answer: Any) -> None:
    with serving() as state:
        model = asked(state)
        state.odd[path] = answer
        with pytest.raises(ServerError, match=f"{path} answered in an unknown form: .*; it sent ") as told:
            ask_all(model)
    assert repr(answer)[:100] in str(told.value)


@pytest.mark.parametrize(
    "path, answer",
    [
        *(
            ("/v1/models", {"data": odd})
            for odd in (
                None,
                ["reference"],
                [{"id": None}],
                [{"id": "reference", "meta": [1]}],
                [{"id": "reference", "meta": {"n_vocab": "x"}}],
                [{"id": "reference", "meta": {"n_vocab": -4}}],
            )
        ),
        *(("/props", odd) for odd in ([1], {"default_generation_settings": {"n_ctx": "many"}}, {"eos_token": 2})),
    ],
)
def test_a_server_that_tells_of_itself_in_another_form_is_no_model(path: str, answer: Any) -> None:
    with serving() as state:
        state.odd[path] = answer
        with pytest.raises(ModelLoadError, match=f"{path} answered in an unknown form: .*; it sent "):
            asked(state)


def test_generated_tokens_that_are_not_told_are_an_error() -> None:
    for answer in ({"choices": [{"text": "abc", "logprobs": None}]}, {"choices": [{"logprobs": {}}]}):
        with serving() as state:
            model = asked(state)
            state.odd[COMPLETIONS] = answer
            with pytest.raises(ServerError, match="log-probabilities"):
                model.generate([np.array([5, 6])], settings={"max_new_tokens": 1})


def test_an_answer_that_is_not_encoded_as_its_headers_say_is_an_error() -> None:
    with serving() as state:
        model = asked(state, attempts=1)
        state.headers["Content-Encoding"] = "gzip"
        with pytest.raises(ServerError, match="DecodingError"):
            predicted(model)


def test_a_server_that_stays_broken_is_an_error() -> None:
    with serving() as state:
        model = asked(state, attempts=2)
        state.faults = ["500"] * 12
        with pytest.raises(ServerError, match="2 attempts; the last: status 500"):
            predicted(model)


@pytest.mark.parametrize("busy", ["nothing", "503"], ids=["hanging", "busy"])
def test_an_error_does_not_wait_for_the_other_requests(busy: str) -> None:
    """They hang in a server, or between attempts; what is asked next is answered."""
    with serving() as state:
        model = asked(state, timeout=60.0, backoff=30.0)
        state.hang, state.faults = threading.Event(), ["401"] if busy == "nothing" else [busy, busy, "401"]
        began = time.monotonic()
        with pytest.raises(ModelCapabilityError, match="401"):
            predicted(model)
        assert time.monotonic() - began < 10
        state.hang.set()
        state.hang = None
        np.testing.assert_allclose(predicted(model), stand_in.logprobs([5, 6, 7, 8])[1:], atol=1e-9)


def test_what_is_stopped_harms_no_other_question() -> None:
    """Also where each request has one attempt."""
    with serving() as state:
        model = asked(state, timeout=60.0, attempts=1)
        state.hang = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(predicted, model)
            while state.waiting < len(ROW.steps):
                time.sleep(0.01)
            state.faults = ["401"]
            with pytest.raises(ModelCapabilityError, match="401"):
                predicted(model, Row(target_ids=np.array([9, 8]), steps=np.array([1])))
            while state.waiting < 2 * len(ROW.steps):
                time.sleep(0.01)
            state.hang.set()
            np.testing.assert_allclose(other.result(60), stand_in.logprobs([5, 6, 7, 8])[1:], atol=1e-9)


def test_an_interrupt_ends_what_a_hanging_server_is_asked() -> None:
    with serving() as state:
        model = asked(state, timeout=60.0, attempts=3)
        state.hang = threading.Event()

        def interrupt() -> None:
            while state.waiting < len(ROW.steps):
                time.sleep(0.01)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        began = time.monotonic()
        threading.Thread(target=interrupt, daemon=True).start()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        try:
            with pytest.raises(KeyboardInterrupt):
                predicted(model)
        finally:
            signal.signal(signal.SIGINT, before)
        assert time.monotonic() - began < 10
        assert state.waiting == len(ROW.steps), "nothing is asked again"
        state.hang.set()
        state.hang = None
        np.testing.assert_allclose(predicted(model), stand_in.logprobs([5, 6, 7, 8])[1:], atol=1e-9)


def test_a_run_stops_where_the_server_is_gone_and_goes_on_where_it_is_back(tmp_path: Path, capsys: Any) -> None:
    data = tmp_path / "data.jsonl"
    lines = [f'{{"text": "the {one}", "said": "the {one} sat on"}}\n' for one in ("cat", "dog", "man", "bird")]
    data.write_text("".join(lines))
    with serving() as state:
        settings = {"base_url": state.url, "cache": False, "attempts": 1, "replacement": "<unk>"}

        def run(folder: str, *more: str) -> int:
            return main(
                [
                    *("attribute-dataset", "--framework", "openai", "-m", "reference", "-a", "occlusion"),
                    *("--model-kwargs", json.dumps(settings), "-d", str(data), "-in", "text", "-gen", "said"),
                    *("-o", str(tmp_path / folder), "--batch-size", "1", *more),
                ]
            )

        assert run("whole") == 0
        of_all = state.completions
        state.gone_after = of_all + of_all * 3 // 4
        assert run("part") == 1
        said = capsys.readouterr().err
        assert "gave no answer" in said
        assert "go on with the same command and --resume" in said
        broken = wherefrom.files.open_run(tmp_path / "part")
        assert not broken.failures, "the examples are not at fault"
        assert 1 <= len(broken.finished) < len(lines)
        state.gone_after = None
        assert run("part", "--resume") == 0
    whole, part = (wherefrom.files.open_run(tmp_path / name) for name in ("whole", "part"))
    assert len(whole) == len(part) == len(lines)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one.target_attributions, other.target_attributions)


def test_a_server_that_falls_silent_while_it_is_asked_what_it_can_is_no_model() -> None:
    with serving(gone_after=1) as state, pytest.raises(ModelLoadError, match="gave no answer in 1 attempts"):
        asked(state, attempts=1)


def test_what_a_server_cannot_is_refused_with_the_reason() -> None:
    with serving(way="none") as state, pytest.raises(ModelCapabilityError, match="no log-probabilities"):
        asked(state)
    with serving(tokenises=False) as state, pytest.raises(ModelCapabilityError, match="does not tokenise"):
        asked(state)
    with serving(way="steps") as state, pytest.raises(ModelCapabilityError, match="of the prompt"):
        asked(state, forced="prompt")
    with serving() as state, pytest.raises(ModelLoadError, match=r"serves no 'referenc'\. Did you mean 'reference'"):
        load("referenc", base_url=state.url)
    with serving() as state, pytest.raises(SettingsError, match="not one token"):
        asked(state, replacement="the cat")


def test_what_no_server_gives_is_refused_and_others_are_named() -> None:
    with serving() as state:
        model = wherefrom.load_model("reference", framework="openai", base_url=state.url, cache=False)
        with pytest.raises(ModelCapabilityError, match=r"occlusion.*Adapters that could serve it: hf_transformers"):
            model.attribute("the cat", "the cat sat", method="saliency")
        with pytest.raises(ModelCapabilityError, match="keep attention from a position"):
            model.attribute("the cat", "the cat sat", method="occlusion", baseline="hidden")
        with pytest.raises(ModelCapabilityError, match="hides no tokens"):
            predicted(asked(state), Row(target_ids=ROW.target_ids, steps=ROW.steps, target_visible=np.arange(5) > 1))


@pytest.mark.parametrize("pieces", [["the", " cat"], ["the", " cat", " sat", " on"], ["Q", "Q", "Q"], []])
def test_tokens_that_do_not_spell_the_text_are_an_error(pieces: list[str]) -> None:
    with serving() as state:
        model = asked(state)
        state.odd["/tokenize"] = {"tokens": [{"id": 20 + rank, "piece": one} for rank, one in enumerate(pieces)]}
        with pytest.raises(ServerError, match=f"sent 'the cat sat' .* {len(pieces)} tokens that came spell"):
            model.encode("the cat sat", side="target")


@pytest.mark.parametrize(
    "pieces, special, text, right",
    [
        ([b"\xe2\x96\x81the", b" cat"], [0, 0], "the cat", True),
        ([b"<s>", b" the", b"cat", b"</s>"], [1, 0, 0, 1], "the cat", True),
        ([b"<s>", b"the"], [1, 0], "<s>the", True),
        ([b"caf", "\ufffd".encode(), "\ufffd".encode(), b" au"], [0, 0, 0, 0], "café au", True),
        ([b"caf", "\ufffd".encode(), "\ufffd".encode()], [0, 0, 0], "café", True),
        (["\u00e9".encode(), b"a"], [0, 0], "E\u0301A", True),
        ([b"the ", b"<unk>", b" on"], [0, 1, 0], "the zebra on", True),
        ([b"the ", "\u2585".encode(), b" on"], [0, 0, 0], "the zebra on", True),
        ([b"<unk>", b" on"], [1, 0], "on1 on", True),
        ([b"<unk>", b"on", b"<e>", b"on", b"<e>"], [1, 0, 1, 0, 1], "on1 on<e>on<e>", True),
        ([b"<unk>", b" on"], [1, 0], "zebra on top", False),
        ([b"", b"the"], [1, 0], "<s>the", True),
        ([b"<s>", b"the"], [1, 0], "the cat", False),
        ([b"cat"], [0], "the cat", False),
        (["\ufffd".encode(), b" on"], [0, 0], "é up", False),
    ],
)
def test_what_a_tokeniser_may_rewrite(pieces: Any, special: Any, text: str, right: bool) -> None:
    assert spells(pieces, special, text) is right


def test_a_chat_has_its_turns() -> None:
    with serving() as state:
        encoded = asked(state).encode([{"role": "man", "content": "the cat"}], side="target")
    assert [(one.kind, one.label, one.start, one.end) for one in encoded.segments] == [
        ("template", "template", 0, 2),
        ("turn", "man", 2, 4),
    ]


@pytest.mark.parametrize("written", ["", "<s>"])
def test_a_chat_begins_as_the_servers_own_chats_do(written: str) -> None:
    """llama.cpp takes BOS off a rendered chat, and puts it in front of the tokens that it answers."""
    chat = [{"role": "man", "content": "the cat"}]
    beginning = stand_in.MODEL.card.bos_id
    with serving(beginning=written) as state:
        model = asked(state)
        encoded = model.encode(chat, side="target")
        assert encoded.text == "<s>man the cat"
        assert [index == beginning for index in encoded.ids] == [True, False, False, False]
        assert encoded.tokens[0].special
        answered = wherefrom.AttributionModel(model).attribute(chat, "sat", "occlusion", units="token")[0]
        assert [token.id for token in answered.target][:4] == encoded.ids.tolist()
        own = asked(state, chat_template="{% for m in messages %}{{ m.content }}{% endfor %}")
        assert beginning not in own.encode(chat, side="target").ids  # as transformers does: the template says all


def test_a_begun_answer_is_continued() -> None:
    chat = [{"role": "man", "content": "the cat"}, {"role": "assistant", "content": "the"}]
    closing = "{% for m in messages %}{{ m.role }} {{ m.content }} on {% endfor %}"
    with serving() as state:
        model = asked(state, chat_template=closing)
        assert model.encode(chat, side="target").text == "man the cat on assistant the"


def test_a_chat_template_of_ones_own_knows_the_servers_special_tokens() -> None:
    template = "{{ bos_token }} the {% for m in messages %}{{ m.content }}{% endfor %}"
    with serving() as state:
        model = asked(state, chat_template=template)
        assert model.encode([{"role": "man", "content": "cat"}], side="target").text == "<s> the cat"
        with pytest.raises(SettingsError, match="chat_template is no Jinja template"):
            asked(state, chat_template="{% for")


def test_adapters_tell_the_truth_about_themselves() -> None:
    told = catalogue.capabilities()
    with serving() as state:
        model = asked(state)
    assert told["openai"] == ("SequenceModel", "PredictsSteps", "Rehearses", "GivesFingerprint")
    assert isinstance(model, Rehearses)
    assert isinstance(model, SequenceModel)
    assert isinstance(model, PredictsSteps)
    assert not isinstance(model, HidesPositions)


def test_transformers_tells_the_truth_about_itself() -> None:
    import wherefrom.adapters as protocols
    from wherefrom.adapters import attention_gradients, gradient_rules, head_terms, internals, layers, rescale

    rooms = (protocols, attention_gradients, gradient_rules, head_terms, internals, layers, rescale)
    model = wherefrom.load_model("demo:lm").adapter
    for name in catalogue.capabilities()["hf_transformers"]:
        home = next(room for room in rooms if name in vars(room))
        assert isinstance(model, vars(home)[name]), name


@pytest.mark.parametrize(
    "name, value", [("vocabulary", -3), ("max_requests", -1), ("max_tokens", 0), ("attempts", 0), ("backoff", -1.0)]
)
def test_numbers_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"{name} = {value}"):
        wherefrom.load_model("reference", framework="openai", base_url="http://localhost:1/v1", **{name: value})


@pytest.mark.parametrize("key", ["sk-se\ncret", "sk-sécret", "sk-se\x7fcret"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving() as state:
        with pytest.raises(SettingsError, match=r"OPENAI_API_KEY.*printable ASCII") as raised:
            asked(state)
        assert "cret" not in "".join(traceback.format_exception(raised.value))
        assert not state.asked_with, "nothing was sent"


def test_a_key_is_sent_without_the_line_break_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " sk-secret\r\n")
    with serving() as state:
        asked(state)
    assert {told.get("Authorization") for told in state.asked_with} == {"Bearer sk-secret"}


def test_a_key_that_a_server_repeats_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(status=401, odd={"/v1/models": {"error": "no such key: sk-secret"}}) as state:
        with pytest.raises(ModelLoadError, match="no such key: ") as raised:
            asked(state)
        assert "sk-secret" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "url", ["http://me:sesame@{}/v1", "http://sesame@{}/v1", "http://{}/v1?key=sesame", "ftp://a:sesame@{}"]
)
def test_an_address_with_a_password_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as state:
        address = url.format(state.url.split("/")[2])
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        for given in ({}, {"base_url": address}):
            with pytest.raises(SettingsError, match="environment variable OPENAI_API_KEY") as raised:
                wherefrom.load_model("reference", framework="openai", **given)
            assert "sesame" not in "".join(traceback.format_exception(raised.value))
        assert not state.asked_with, "nothing was sent"


@pytest.mark.parametrize("url", ["", "localhost:8000", "http://", "http:///v1", "http://host:abc/v1", "http://[::1/v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="is no address of a server"):
        wherefrom.load_model("reference", framework="openai", base_url=url)


@pytest.mark.parametrize("status", [301, 308])
def test_a_server_that_sends_elsewhere_is_told(status: int) -> None:
    with (
        serving(status=status, headers={"Location": "https://there/v1"}) as state,
        pytest.raises(ModelLoadError, match=f"sends elsewhere .status {status}.: https://there/v1.*as base_url"),
    ):
        asked(state)


def test_what_a_server_decides_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="The server decides tokenizer_kwargs") as raised:
        load("reference", base_url="http://localhost:1/v1", tokenizer_kwargs={"token": "hf_secret"})
    assert "hf_secret" not in str(raised.value)
