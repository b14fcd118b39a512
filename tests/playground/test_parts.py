"""The parts of the playground that need no page: limits, chats, choices, work on a thread, what is kept."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import wherefrom
from msgspec.structs import replace
from wherefrom import Attributions
from wherefrom._registry import Registry
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError, WherefromWarning
from wherefrom.evaluation import list_metrics
from wherefrom.files import Manifest, Run, RunWriter, create_run, open_run
from wherefrom.files.wire.examples import encode_provenance
from wherefrom.methods.contract import METHODS, Progress
from wherefrom.methods.cost import Cost
from wherefrom.progress import no_progress
from wherefrom.results.provenance import Provenance
from wherefrom.settings import LARGEST_COUNT, from_mapping
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom_viz.describe.description import sign_words

from tests.needed import needed

needed("gradio", "extras")
from wherefrom_playground import Keeper, Limits, choices, serve  # noqa: E402
from wherefrom_playground.asking import (  # noqa: E402
    Asked,
    Generation,
    Measured,
    documents_in,
    explained,
    explained_context,
    whole_target,
)
from wherefrom_playground.chats import asked, messages_in  # noqa: E402
from wherefrom_playground.frames import frame, status  # noqa: E402
from wherefrom_playground.jobs import Desk, Done, Failed, Told  # noqa: E402
from wherefrom_playground.keeping import _in_name  # noqa: E402


def counts_far(kind: type, setting: str) -> bool:
    """Does the class take a hundred thousand as a number of something? Its own message is asked, not its types."""
    try:
        from_mapping(kind, {setting: LARGEST_COUNT}, where="")
        from_mapping(kind, {setting: 10**30}, where="")
    except SettingsError as error:
        return f"{setting} must be a whole number" in str(error) and setting != "seed"
    return False


def test_lines_with_roles_are_messages() -> None:
    chat = messages_in("system: be short\nUser: one\ntwo\nassistant: yes")
    assert [one["role"] for one in chat] == ["system", "user", "assistant"]
    assert chat[1]["content"] == "one\ntwo"


@pytest.mark.parametrize("text, kind", [("", "text"), ("  \n", "chat"), ("hello", "chat")])
def test_what_is_no_input_is_refused(text: str, kind: str) -> None:
    with pytest.raises(InputError):
        asked(text, kind)


def test_documents_are_parted_by_lines() -> None:
    assert documents_in("One.") == "One."
    assert documents_in("One.\n---\nTwo --- two.\n---\n") == ["One.", "Two --- two."]


def test_where_nothing_is_generated_its_limit_does_not_count() -> None:
    Asked(text="a", output="b", contrast="c").check(Limits(new_tokens=4), [])
    with pytest.raises(InputError, match="20 new tokens"):
        Asked(text="a").check(Limits(new_tokens=4), [])


@pytest.mark.parametrize(
    "question, words",
    [
        (Asked(text="a" * 20), "20 characters"),
        (Asked(text="a" * 4, output="b" * 4, contrast="c" * 4), "12 characters"),
        (Asked(text="a", generation=Generation(max_new_tokens=6)), "6 new tokens"),
        (Asked(text="a", method_settings={"n_steps": 51}), "n_steps = 51"),
    ],
)
def test_limits_hold(question: Asked, words: str) -> None:
    limits = Limits(characters=10, new_tokens=5, passes=50)
    if question.generation.max_new_tokens != 6:
        question = Asked(
            text=question.text,
            output=question.output,
            contrast=question.contrast,
            method_settings=question.method_settings,
            generation=Generation(max_new_tokens=5),
        )
    with pytest.raises(InputError, match=words):
        question.check(limits, ["integrated_gradients"])


COUNTING: list[Any] = [
    pytest.param(registry, name, setting.name, id=f"{name}.{setting.name}")
    for registry in (METHODS, STEP_FUNCTIONS)
    for name in sorted(registry)
    for setting in attrs.fields(registry.get(name))
    if counts_far(registry.get(name), setting.name)
]


def test_there_are_settings_that_count() -> None:
    named = {param.id for param in COUNTING}
    assert {"lime.max_samples", "reagent.num_probes", "mc_dropout_zscore.n_mcd_steps"} <= named


@pytest.mark.parametrize("registry, owner, setting", COUNTING)
def test_no_setting_counts_further_than_allowed(registry: Registry[Any], owner: str, setting: str) -> None:
    limits, kind = Limits(), registry.get(owner)
    default = attrs.fields_dict(kind)[setting].default
    most = max(limits.passes, default if isinstance(default, int) else 0)
    limits.check_settings(kind, {setting: most}, where=owner)
    with pytest.raises(InputError, match=f"{owner}: {setting} = {most + 1}; here at most {most} is allowed"):
        limits.check_settings(kind, {setting: most + 1}, where=owner)


@pytest.mark.parametrize("passes", [1, 512])
@pytest.mark.parametrize(
    "registry, owner",
    [pytest.param(one, name, id=name) for one in (METHODS, STEP_FUNCTIONS) for name in sorted(one)],
)
def test_what_is_the_default_is_allowed(registry: Registry[Any], owner: str, passes: int) -> None:
    Limits(passes=passes).check_settings(registry.get(owner), {}, where=owner)


@pytest.mark.parametrize(
    "method, settings",
    [
        ("kernel_shap", {"tables": "/tmp/t"}),
        ("discretized_integrated_gradients", {"cache_dir": "/tmp/t"}),
        ("learned_attention", {"weights": "/etc/passwd"}),
        ("reagent", {"sampler": "masked_lm:somebody/model"}),
    ],
)
def test_visitors_name_no_files_and_no_other_models(method: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="could name a file or folder"):
        Asked(text="a", method_settings=settings).check(Limits(), [method])


def test_settings_of_whatever_is_registered_count_those_of_a_method_inside_too() -> None:
    @attrs.frozen(kw_only=True)
    class Inner:
        rounds: int | None = None

    @attrs.frozen(kw_only=True)
    class Plain:
        repeats: int = 3
        of: Any = attrs.field(factory=Inner)
        seed: int = 0
        token: str | int = 0
        share: float = 0.5

    limits = Limits(passes=10)
    limits.check_settings(Plain, {"repeats": 10, "seed": 999, "token": 999, "share": 99.0}, where="mine")
    with pytest.raises(InputError, match="mine: repeats = 11"):
        limits.check_settings(Plain, {"repeats": 11}, where="mine")
    with pytest.raises(InputError, match="mine: rounds = 11"):
        limits.check_settings(Plain, {"of": Inner(rounds=11)}, where="mine")


def test_a_question_is_held_against_its_methods_and_its_target() -> None:
    question = Asked(text="a", method_settings={"max_samples": 2000})
    with pytest.raises(InputError, match="method 'lime': max_samples = 2000; here at most 1024"):
        question.check(Limits(), ["lime"])
    question = Asked(text="a", target="mc_dropout_prob_avg", target_settings={"n_mcd_steps": 513})
    with pytest.raises(InputError, match="step function 'mc_dropout_prob_avg': n_mcd_steps = 513"):
        question.check(Limits(), ["saliency"])


@pytest.mark.parametrize("method", choices.method_names())
def test_untouched_settings_are_not_given(method: str) -> None:
    rows = choices.method_rows(method)
    assert choices.changed(rows, rows, method) == {}


def test_changed_settings_are_read_as_json_or_words() -> None:
    rows = choices.method_rows("integrated_gradients")
    table = [[name, {"n_steps": "7", "baseline": "zero"}.get(name, value), kind] for name, value, kind in rows]
    assert choices.changed(table, rows, "ig") == {"n_steps": 7, "baseline": "zero"}
    with pytest.raises(SettingsError, match="n_steps"):
        choices.changed([["n_step", "7", ""]], rows, "ig")


@pytest.mark.parametrize("row", [["n_steps"], ("n_steps",)])
def test_a_row_without_a_value_is_told(row: Sequence[str]) -> None:
    rows = choices.method_rows("integrated_gradients")
    with pytest.raises(SettingsError, match=r"ig: a setting is a row of its name and its value, .* not \['n_steps'\]"):
        choices.changed([[], [""], [None], row], rows, "ig")


def test_work_tells_how_far_it_is_then_answers() -> None:
    def task(progress: Progress) -> int:
        progress("count", 1, 2)
        return 5

    news = list(Desk().work("me", task))
    assert isinstance(news[-1], Done)
    assert news[-1].answer == 5
    assert ("count", 1, 2) in [(one.phase, one.done, one.total) for one in news if isinstance(one, Told)]


def test_one_question_at_a_time_and_a_stop_frees_the_model() -> None:
    desk, began, inside = Desk(), threading.Event(), []

    def long(progress: Progress) -> str:
        inside.append("long")
        began.set()
        while True:
            progress("long", 0, 1)

    def short(progress: Progress) -> str:
        inside.append("short")
        return "short"

    first: Iterator[object] = desk.work("a", long)
    next(first)
    assert began.wait(20)
    second = desk.work("b", short)
    next(second)
    assert inside == ["long"]  # the model is not free
    desk.stop("a")
    assert [one for one in first if isinstance(one, Failed)] == [Failed(why="Cancelled.")]
    assert [one.answer for one in second if isinstance(one, Done)] == ["short"]


def test_what_a_model_raises_is_told() -> None:
    def broken(progress: Progress) -> int:
        raise ValueError("<b>no</b>")

    last = list(Desk().work("me", broken))[-1]
    assert last == Failed(why="ValueError: <b>no</b>")
    assert "<b>" not in status(Failed(why="<b>no</b>"))


def test_a_page_cannot_leave_its_frame() -> None:
    held = frame('<p title="x">&', "t")
    assert held.count("<") == 2  # the frame's own tags
    assert "allow-same-origin" not in held


def answered(model: AttributionModel, method: str = "saliency", **asked: Any) -> Attributions:
    """A short answer."""
    given = {"generation_args": {"max_new_tokens": 2}, **asked}
    return model.attribute("He was", method=method, show_progress=False, **given)


@pytest.fixture(scope="module")
def model() -> AttributionModel:
    return wherefrom.load_model("demo:lm")


def test_results_are_kept_as_a_run(model: AttributionModel, tmp_path: Path) -> None:
    out = answered(model)
    keeper = Keeper(folder=tmp_path / "run")
    assert keeper.lines() == []
    keeper.keep(out, "attribute")
    keeper.keep(answered(model), "compare")  # the same question at another time
    assert [one.id for one in keeper.lines()] == ["0002-compare-saliency", "0001-attribute-saliency"]
    (run,) = (keeper.folder / "attributions").iterdir()
    assert run.name == "0001-demo-lm-saliency-probability"
    assert len(wherefrom.load(run)) == 2
    again = keeper.load("0001-attribute-saliency")[0]
    assert (again.target_attributions == out[0].target_attributions).all()
    with pytest.raises(InputError, match="Nothing is kept"):
        keeper.load("0003")


WAYS: list[dict[str, Any]] = [
    {},
    {"attributed_fn": "entropy"},
    {"method": "input_x_gradient"},
    {"attribution_args": {"abs": False}},
    {"attributed_fn_args": {"logprob": True}},
    {"generation_args": {"max_new_tokens": 2, "repetition_penalty": 1.5}},
    {"generated_texts": "He was sick. She", "generation_args": None, "attributed_fn": "contrast_prob_diff"}
    | {"contrast_targets": "He was well. She"},
]


@pytest.mark.parametrize("first", WAYS[:2], ids=["plain first", "entropy first"])
def test_each_result_is_told_as_it_was_made(first: dict[str, Any], model: AttributionModel, tmp_path: Path) -> None:
    """Where `wherefrom view`, `show`, `info` and `export` read, and in the Runs tab."""
    keeper = Keeper(folder=tmp_path / "run")
    made = [answered(model, **asked) for asked in [first, *WAYS]]
    made.append(answered(wherefrom.load_model("demo:mt")))
    kept = [keeper.keep(one, "attribute") for one in made]
    places = {one.id: run for run in runs_in(keeper) for one in run}
    for before, one in zip(made, kept, strict=True):
        told = keeper.load(str(one[0].id))
        assert ways(told.provenance) == ways(before.provenance)
        assert sign_words(told[0], told.provenance) == sign_words(before[0], before.provenance)
        assert ways(places[one[0].id].provenance) == ways(before.provenance)
    assert len(runs_in(keeper)) == len(WAYS) + 1
    assert len(keeper.lines()) == len(WAYS) + 2


def ways(made: Provenance) -> Any:
    """What of a provenance is told, as files have it: without texts and times."""
    told = encode_provenance(replace(made, input_texts=[], generated_texts=[], created="", seconds=0.0))
    return msgspec.json.decode(msgspec.json.encode(told))


def runs_in(keeper: Keeper) -> list[Run]:
    return [open_run(folder) for folder in sorted((keeper.folder / "attributions").iterdir())]


def test_a_folder_of_an_earlier_version_opens_and_gets_no_more(model: AttributionModel, tmp_path: Path) -> None:
    out = answered(model)
    create_run(tmp_path, Manifest(provenance=out.provenance))
    with RunWriter(tmp_path) as writer:
        writer.append(out[0].replace(id="0007-attribute-saliency"))
    keeper = Keeper(folder=tmp_path)
    keeper.keep(answered(wherefrom.load_model("demo:mt")), "attribute")
    assert [one.id for one in keeper.lines()] == ["0008-attribute-saliency", "0007-attribute-saliency"]
    assert [one.id for one in open_run(tmp_path)] == ["0007-attribute-saliency"]
    assert keeper.load("0007-attribute-saliency").provenance.model["name"] == "demo:lm"
    assert keeper.load("0008-attribute-saliency").provenance.model["name"] == "demo:mt"
    assert keeper.command == f"wherefrom view {tmp_path} {tmp_path}/attributions/*"


def test_a_damaged_run_hides_no_other(model: AttributionModel, tmp_path: Path) -> None:
    keeper = Keeper(folder=tmp_path)
    keeper.keep(answered(model), "attribute")
    (run,) = runs_in(keeper)
    (run.path / "manifest.json").write_text("{")
    with pytest.warns(WherefromWarning, match="The run was left out"):
        keeper.keep(answered(model), "attribute")
    with pytest.warns(WherefromWarning, match="The run was left out"):
        assert len(keeper.lines()) == 1


def test_one_process_at_a_time_writes(model: AttributionModel, tmp_path: Path) -> None:
    out = answered(model)
    mine, other = Keeper(folder=tmp_path / "run"), Keeper(folder=tmp_path / "run")
    with mine:
        kept = mine.keep(out, "attribute")
        for write in (other.hold, lambda: other.keep(out, "attribute"), lambda: serve(model, "x", other, block=False)):
            with pytest.raises(InputError, match=rf"Process {os.getpid()} on .* is writing to {tmp_path / 'run'}"):
                write()
        assert other.load(str(kept[0].id))  # reading stays possible
    other.keep(out, "attribute")
    mine.keep(out, "attribute")
    assert [one.id for one in other.lines()] == [f"000{place}-attribute-saliency" for place in (3, 2, 1)]
    assert not (tmp_path / "run" / ".lock").exists()


def test_an_evaluation_of_too_many_passes_is_refused() -> None:
    limits = Limits(evaluation_passes=100)
    limits.check_evaluation(Cost(forwards=60, backwards=40))
    with pytest.raises(InputError, match="up to 101 passes; here at most 100"):
        limits.check_evaluation(Cost(forwards=101))


def test_metrics_that_need_a_human_are_not_offered() -> None:
    offered = choices.metric_names()
    assert set(choices.DEFAULT_METRICS) <= set(offered)
    assert "auprc" in list_metrics()
    assert "auprc" not in offered


@pytest.mark.parametrize("measured", [Measured(metrics=[], removals=["unk"]), Measured(metrics=["abpc"], removals=[])])
def test_nothing_to_measure_is_refused(measured: Measured) -> None:
    with pytest.raises(InputError, match="at least one"):
        measured.check()


def test_a_browser_is_told_the_newest_however_much_a_method_says() -> None:
    """Each line is drawn in a browser; those that nobody looked at in time are dropped."""
    said, heard = threading.Event(), threading.Event()

    def talkative(progress: Progress) -> str:
        for done in range(5000):
            progress("talk", done, 5000)
        said.set()
        assert heard.wait(20)
        return "done"

    work = Desk().work("me", talkative)
    next(work)
    assert said.wait(20)
    told = next(work)
    assert isinstance(told, Told)
    assert told.done == 4999
    heard.set()
    *more, last = work
    assert isinstance(last, Done)
    assert all(isinstance(one, Told) and one.done == 4999 for one in more)


@pytest.mark.parametrize("text, written", [("False", "false"), ("TRUE", "true"), ("None", "null")])
def test_a_switch_that_is_written_as_a_text_is_told_how(text: str, written: str) -> None:
    with pytest.raises(InputError, match=f"is a text. Write {written}."):
        Asked(text="a", method_settings={"paired": text}).check(Limits(), ["kernel_shap"])


@pytest.mark.parametrize(
    "text, output, whole",
    [
        ("George was sick", "yesterday", "George was sick yesterday"),
        ("George was sick", ".", "George was sick."),
        ("George", "'s wife", "George's wife"),
        ("He said", '"no"', 'He said "no"'),
        ("He was (", "very) sick", "He was (very) sick"),
        ("He was (very", ") sick", "He was (very) sick"),
        ("人工智能", "正在改变", "人工智能正在改变"),
        ("人工智能", "。", "人工智能。"),
        ("コーヒー", "と", "コーヒーと"),
        ("He said", "「はい」", "He said「はい」"),
        ("Vie\u0323t", "Nam", "Vie\u0323t Nam"),
        ("ma\u0323", "la", "ma\u0323 la"),
        ("สวัสดี", "ครับ", "สวัสดีครับ"),
        ("안녕", "하세요", "안녕 하세요"),
        ("a ", "b", "a b"),
        ("a", "\nb", "a\nb"),
        ("George was sick", " .", "George was sick ."),
        ("", "So", "So"),
    ],
)
def test_an_output_stands_behind_its_input_as_it_is_written(
    model: AttributionModel, text: str, output: str, whole: str
) -> None:
    assert whole_target(model, text, output) == whole


def test_a_full_stop_is_the_only_output_explained(model: AttributionModel) -> None:
    (one,) = explained(model, Asked(text="George was sick", output="."), "saliency", lambda *_: None)
    assert [token.text for token in one.steps] == ["."]


@pytest.mark.parametrize("output", [".", ", please", "to the hospital", " to the hospital"])
@pytest.mark.parametrize("context", ["Mary was sick.", "Mary was sick.\n---\nJohn was well."])
def test_a_question_about_a_context_explains_the_tokens_that_others_explain(
    context: str, output: str, model: AttributionModel
) -> None:
    question = Asked(text="His colleagues asked him to come", output=output)
    (one,) = explained(model, question, "saliency", no_progress)
    found = explained_context(model, question, context, "saliency", no_progress)
    assert list(found.texts("output_current")) == [token.text for token in one.steps]


@pytest.mark.parametrize(
    "model, told", [("owner/name", "-owner-name"), ("runs/ann/m", "-m"), ("acme\\m", "-m"), ("demo:lm", "-demo-lm")]
)
def test_a_runs_folder_names_the_model_as_views_do(model: str, told: str) -> None:
    assert _in_name(Provenance(model={"name": model})) == told
