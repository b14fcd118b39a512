"""A bench's file is read by its prompts, in whatever order and in however many calls they were put to the model."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import wherefrom
from attrs import evolve
from wherefrom.errors import FileFormatError, InputError, SettingsError
from wherefrom.evaluation.bench import LONG, SHORT, Bench, Prompt, bench_cost, load_prompts, read_bench, run_bench
from wherefrom.evaluation.bench.specs import method_of_spec
from wherefrom.evaluation.evaluating import evaluate
from wherefrom.evaluation.perturbation_curves import Abpc
from wherefrom.evaluation.records import Evaluation
from wherefrom.evaluation.summary import values_by_example
from wherefrom.files.locks import RunLock
from wherefrom.methods.head_weights import HeadWeights
from wherefrom.step_functions.probability import Probability
from wherefrom.testing import ReferenceModel, counting

BENCH = Bench(methods=("occlusion[baseline=unk]",), metrics=("abpc",), removals=("unk",), draws=1)
TEXTS = ("the cat sat on", "the mat sat on the", "on the mat the", "the dog sat on a")


@pytest.fixture(scope="module")
def model() -> Any:
    return wherefrom.AttributionModel(ReferenceModel("decoder-only"))


def prompts(model: Any) -> list[Prompt]:
    """Each with the word that the model says."""
    made = []
    for number, text in enumerate(TEXTS):
        said = model.generate([text], max_new_tokens=1)[0]
        made.append(Prompt(id=f"p{number}", set="facts", prompt=text, answer=said.removeprefix(text), evidence=()))
    return made


def by_text(found: Evaluation) -> dict[tuple[str, str], dict[str, float]]:
    values = values_by_example(found, "unk")
    return {key: {found.texts[int(str(place))]: one for place, one in by.items()} for key, by in values.items()}


def test_a_file_of_several_calls_in_another_order_says_the_same_of_each_prompt(model: Any, tmp_path: Path) -> None:
    asked = prompts(model)
    at_once = run_bench(model, asked, BENCH, tmp_path / "once.jsonl")
    run_bench(model, [asked[2]], BENCH, tmp_path / "parts.jsonl")
    in_parts = run_bench(model, [asked[3], asked[0], asked[2], asked[1]], BENCH, tmp_path / "parts.jsonl")
    assert len(at_once.texts) == len(TEXTS)
    assert in_parts.texts != at_once.texts
    assert {one.example for one in in_parts.measurements} == set(range(len(TEXTS)))
    assert {one.example for one in in_parts.curves} == set(range(len(TEXTS)))
    first, second = by_text(at_once), by_text(in_parts)
    key = ("occlusion[baseline=unk]", "abpc")
    assert second[key] == pytest.approx(first[key])
    assert len(set(first[key].values())) == len(TEXTS)
    assert by_text(read_bench(tmp_path / "parts.jsonl")) == second


def test_chance_is_drawn_for_each_prompt_and_is_the_same_whichever_stand_beside_it(model: Any, tmp_path: Path) -> None:
    text = TEXTS[0]
    answer = model.generate([text], max_new_tokens=1)[0].removeprefix(text)
    asked = [Prompt(id=f"p{number}", set="facts", prompt=text, answer=answer, evidence=("cat",)) for number in range(4)]
    bench = evolve(BENCH, metrics=("mean_rank", "abpc"), draws=2)
    together = run_bench(model, asked, bench, tmp_path / "together.jsonl")
    alone = run_bench(model, asked[2:3], bench, tmp_path / "alone.jsonl")
    for metric in bench.metrics:
        chance = list(values_by_example(together, "unk")["random", metric].values())
        assert len(set(chance)) > 2, "the same text, drawn for anew"
        one = [line.value for line in alone.measurements if (line.method, line.metric) == ("random", metric)]
        assert one == [chance[2]]


def test_scores_of_a_function_that_falls_are_turned_as_an_evaluation_turns_them(model: Any, tmp_path: Path) -> None:
    asked, spec = prompts(model)[0], BENCH.methods[0]
    falling = evolve(BENCH, functions={"occlusion": "surprisal_bits"})
    result = model.attribute(
        asked.prompt, asked.prompt + asked.answer, method=method_of_spec(spec), attributed_fn="surprisal_bits"
    )
    values = {
        what: [one.value for one in found.measurements if one.method == spec]
        for what, found in {
            "plain": run_bench(model, [asked], BENCH, tmp_path / "plain.jsonl"),
            "falling": run_bench(model, [asked], falling, tmp_path / "falling.jsonl"),
            "evaluated": evaluate({spec: result}, model, [Abpc(cuts=BENCH.cuts)], removals=BENCH.removals),
        }.items()
    }
    assert values["falling"] == pytest.approx(values["plain"])
    assert values["falling"] == pytest.approx(values["evaluated"])


def test_an_encoder_decoder_is_asked_about_the_answer_alone(tmp_path: Path) -> None:
    model, (spec,) = wherefrom.load_model("demo:mt"), BENCH.methods
    asked = Prompt(id="p0", set="translation", prompt="Nina sees the car.", answer=" Nina voit", evidence=("Nina",))
    wrong = Prompt(id="p1", set="translation", prompt="Nina sees the car.", answer=" Marie voit", evidence=("Nina",))
    copied = Prompt(id="p2", set="translation", prompt="Nina sees the car.", answer=" la voiture", evidence=("car",))
    bench, path = evolve(BENCH, metrics=("abpc", "mrr")), tmp_path / "bench.jsonl"
    found = run_bench(model, [asked, wrong, copied], bench, path, show_progress=False)
    assert found.texts == ("Nina voit",)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().split(b"\n")[2:-1]]
    assert [(line["text"], line["kept"], line["said"].strip()) for line in lines] == [
        ("Marie voit", False, "Nina"),
        ("la voiture", False, "Nina"),
    ]
    (result,) = model.attribute(
        asked.prompt, "Nina voit", method=method_of_spec(spec), attributed_fn=Probability(logprob=True), attr_pos_end=2
    )
    evaluated = evaluate(
        {spec: result}, model, [Abpc(cuts=BENCH.cuts), "mrr"], removals=BENCH.removals, gold=[asked.gold()]
    )
    assert [one.value for one in found.measurements if one.method == spec] == pytest.approx(
        [one.value for one in evaluated.measurements if one.method == spec]
    )
    old = path.read_bytes().replace(b'"text":"Nina voit"', b'"text":"Nina sees the car. Nina voit"')
    path.write_bytes(old)
    with pytest.raises(InputError, match="another prompt under the id 'p0'"):
        run_bench(model, [asked], bench, path)


def test_a_line_is_written_whole_or_not_at_all(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = tmp_path / "bench.jsonl", prompts(model)[:2]
    run_bench(model, asked[:1], BENCH, path)
    whole, own = path.read_bytes(), os.fsync

    def full(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            raise OSError(errno.ENOSPC, "No space left on device")
        own(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run_bench(model, asked, BENCH, path)
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert len(run_bench(model, asked, BENCH, path).texts) == 2


def test_a_file_goes_on_with_its_own_model_and_prompts_alone(model: Any, tmp_path: Path) -> None:
    asked, path = prompts(model)[:1], tmp_path / "bench.jsonl"
    run_bench(model, asked, BENCH, path)
    written = path.read_bytes()
    other = wherefrom.AttributionModel(ReferenceModel("decoder-only", seed=5))
    with pytest.raises(InputError, match="of other weights"):
        run_bench(other, asked, BENCH, path)
    for changed in ({"prompt": "the dog sat on"}, {"answer": " dog"}, {"evidence": ("cat",)}):
        with pytest.raises(InputError, match="another prompt under the id 'p0'"):
            run_bench(model, [msgspec.structs.replace(asked[0], **changed)], BENCH, path)
    assert path.read_bytes() == written


def test_a_file_does_not_go_on_with_other_weights_under_one_name(model: Any, tmp_path: Path) -> None:
    card, asked = model.adapter.card, prompts(model)
    weights = HeadWeights(decoder=np.ones((card.layers, card.heads)), model=card.name)
    bench = evolve(BENCH, methods=(f"learned_attention[weights={tmp_path / 'heads.npz'}]",))
    for sign in (1, 1, -1):
        evolve(weights, decoder=sign * weights.decoder).save(tmp_path / "heads.npz", overwrite=True)
        if sign == 1:
            run_bench(model, asked[:1], bench, tmp_path / "bench.jsonl")
    with pytest.raises(InputError, match="files that settings name"):
        run_bench(model, asked[:2], bench, tmp_path / "bench.jsonl")


def test_files_of_earlier_versions_go_on(model: Any, tmp_path: Path) -> None:
    card, asked, path = model.adapter.card, prompts(model)[:1], tmp_path / "bench.jsonl"
    HeadWeights(decoder=np.ones((card.layers, card.heads)), model=card.name).save(tmp_path / "heads.npz")
    bench = evolve(BENCH, methods=(f"learned_attention[weights={tmp_path / 'heads.npz'}]",))
    run_bench(model, asked, bench, path)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    del lines[0]["fingerprint"], lines[0]["files"], lines[1]["asked"]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    written = path.read_bytes()
    run_bench(model, asked, bench, path)
    assert path.read_bytes() == written
    with pytest.raises(InputError, match="another prompt"):
        run_bench(model, [msgspec.structs.replace(asked[0], answer=" dog")], bench, path)


def test_what_is_reported_is_of_the_prompts_that_were_given(model: Any, tmp_path: Path) -> None:
    asked, path = prompts(model), tmp_path / "bench.jsonl"
    run_bench(model, asked[:3], BENCH, path)
    assert run_bench(model, asked, BENCH, path, limit=1).texts == (asked[0].prompt + asked[0].answer,)
    assert run_bench(model, [asked[2], asked[0]], BENCH, path).texts == tuple(
        one.prompt + one.answer for one in (asked[2], asked[0])
    )
    assert len(path.read_bytes().splitlines()) == 1 + 3
    assert len(read_bench(path).texts) == 3


def test_of_a_prompt_that_is_in_the_file_twice_the_last_line_counts(model: Any, tmp_path: Path) -> None:
    asked, path = prompts(model)[:2], tmp_path / "bench.jsonl"
    first = run_bench(model, asked, BENCH, path)
    again = msgspec.json.decode(path.read_bytes().split(b"\n")[1]) | {"forwards": 1000}
    path.write_bytes(path.read_bytes() + msgspec.json.encode(again) + b"\n")
    found = read_bench(path)
    assert found.texts == first.texts
    assert found.forwards > 1000


def test_a_line_that_was_cut_off_is_written_anew(model: Any, tmp_path: Path) -> None:
    asked, path = prompts(model)[:2], tmp_path / "bench.jsonl"
    whole = run_bench(model, asked, BENCH, path)
    path.write_bytes(path.read_bytes()[:-20])
    assert run_bench(model, asked, BENCH, path).texts == whole.texts
    assert read_bench(path).texts == whole.texts


def test_a_bench_that_is_stopped_before_its_header_is_on_disk_leaves_no_file(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bench.jsonl"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        run_bench(model, prompts(model)[:1], BENCH, path)
    assert not path.exists()


def test_one_process_at_a_time_writes_to_a_file(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    with RunLock(path), pytest.raises(InputError, match=r"is writing to .*bench\.jsonl.*choose another file"):
        run_bench(model, prompts(model)[:1], BENCH, path)
    run_bench(model, prompts(model)[:1], BENCH, path)
    assert [one.name for one in tmp_path.iterdir()] == ["bench.jsonl"]


@pytest.mark.parametrize("name", ["methods", "metrics", "removals"])
def test_what_is_named_twice_is_refused(model: Any, tmp_path: Path, name: str) -> None:
    bench = evolve(BENCH, **{name: getattr(BENCH, name) * 2})
    with pytest.raises(InputError, match="twice"):
        run_bench(model, prompts(model), bench, tmp_path / "bench.jsonl")
    with pytest.raises(InputError, match="twice"):
        bench_cost(model, prompts(model), bench)
    assert not (tmp_path / "bench.jsonl").exists()


def test_metrics_that_would_give_nothing_are_refused_or_told(model: Any, tmp_path: Path) -> None:
    asking = evolve(BENCH, metrics=("max_sensitivity", "abpc"))
    with pytest.raises(InputError, match="max_sensitivity: these ask methods again"):
        run_bench(model, prompts(model), asking, tmp_path / "asking.jsonl")
    with pytest.raises(InputError, match="max_sensitivity: these ask methods again"):
        bench_cost(model, prompts(model), asking)
    without_evidence = run_bench(model, prompts(model), evolve(BENCH, metrics=("mrr", "abpc")), tmp_path / "mrr.jsonl")
    (told,) = without_evidence.warnings
    assert "mrr" in told
    assert "abpc" not in told


def test_two_prompts_of_one_id_are_refused(model: Any, tmp_path: Path) -> None:
    (one,) = prompts(model)[:1]
    with pytest.raises(InputError, match="Two prompts have the id 'p0'"):
        run_bench(model, [one, one], BENCH, tmp_path / "bench.jsonl")


def test_an_empty_prompt_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"id": "p0", "set": "facts", "prompt": "  ", "answer": " mat"}\n')
    with pytest.raises(FileFormatError, match="the prompt of 'p0' is empty"):
        load_prompts(path)


@pytest.fixture(scope="module")
def demo() -> Any:
    """One that gives what every method needs."""
    return wherefrom.load_model("demo:lm")


@pytest.mark.filterwarnings("ignore:gradient_shap. .* keep a standard error:wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("bench", [SHORT, LONG], ids=["short", "long"])
def test_default_methods_are_priced_and_run(demo: Any, bench: Bench, tmp_path: Path) -> None:
    asked = [Prompt(id="p0", set="names", prompt="George went home because", answer=" he", evidence=("George",))]
    once = evolve(bench, draws=1)
    none = bench_cost(demo, asked, evolve(once, methods=()))
    for method in bench.methods:
        assert bench_cost(demo, asked, evolve(once, methods=(method,))).forwards > none.forwards, method
    found = run_bench(demo, asked, once, tmp_path / "bench.jsonl", show_progress=False)
    assert found.warnings == (), "each method gave scores"
    assert found.methods == bench.methods


@pytest.mark.filterwarnings("ignore:.* was made for:wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("name, bench", [("short", SHORT), ("long", LONG)])
def test_default_methods_are_priced_on_their_own_prompts(demo: Any, name: str, bench: Bench) -> None:
    assert bench_cost(demo, load_prompts(name)[:1], bench).forwards > len(bench.methods)


@pytest.mark.filterwarnings("ignore:gradient_shap. .* keep a standard error:wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("bench", [SHORT, LONG], ids=["short", "long"])
def test_the_cost_is_a_bound_and_methods_that_a_model_cannot_serve_cost_nothing(
    model: Any, bench: Bench, tmp_path: Path
) -> None:
    counted, tally = counting(ReferenceModel("decoder-only"))
    asked, once = prompts(model)[:1], evolve(bench, draws=1)
    told = bench_cost(wherefrom.AttributionModel(counted), asked, once)
    assert tally.forward_rows == 0
    found = run_bench(wherefrom.AttributionModel(counted), asked, once, tmp_path / "bench.jsonl", show_progress=False)
    assert any("value_norms needs a model that" in why for why in found.warnings)
    assert 0 < tally.forward_rows <= told.forwards


def test_the_cost_is_a_bound_where_the_first_prompts_are_answered_wrong(model: Any, tmp_path: Path) -> None:
    counted, tally = counting(ReferenceModel("decoder-only"))
    long, short = sorted(prompts(model), key=lambda one: -len(one.prompt))[:: len(TEXTS) - 1]
    asked = [msgspec.structs.replace(short, answer=" nonsense"), long]
    told = bench_cost(wherefrom.AttributionModel(counted), asked, BENCH, limit=1)
    whole = bench_cost(wherefrom.AttributionModel(counted), asked, BENCH)
    run_bench(wherefrom.AttributionModel(counted), asked, BENCH, tmp_path / "bench.jsonl", limit=1, show_progress=False)
    first, dearest = (bench_cost(model, [one], BENCH).forwards for one in asked)
    assert first < dearest
    assert tally.forward_rows <= told.forwards == dearest + 1 < whole.forwards == first + dearest


def test_a_method_that_cannot_be_asked_so_is_refused_before_any_work(demo: Any) -> None:
    asked = load_prompts("short")[:1]
    with pytest.raises(SettingsError, match="takes logits apart"):
        bench_cost(demo, asked, evolve(BENCH, methods=("alti_logit",), functions={}))
    with pytest.raises(SettingsError, match="needs weights"):
        bench_cost(demo, asked, evolve(BENCH, methods=("learned_attention",)))
