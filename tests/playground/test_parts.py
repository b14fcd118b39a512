"""The parts of the playground that need no page: limits, chats, choices, work on a thread, what is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import wherefrom
from wherefrom.errors import InputError, SettingsError
from wherefrom.evaluation import list_metrics
from wherefrom.methods.contract import Progress
from wherefrom.methods.cost import Cost

from tests.needed import needed

needed("gradio", "extras")
from wherefrom_playground import Keeper, Limits, choices  # noqa: E402
from wherefrom_playground.asking import Asked, Generation, Measured, documents_in  # noqa: E402
from wherefrom_playground.chats import asked, messages_in  # noqa: E402
from wherefrom_playground.frames import frame, status  # noqa: E402
from wherefrom_playground.jobs import Desk, Done, Failed, Told  # noqa: E402


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
    Asked(text="a", output="b", contrast="c").check(Limits(new_tokens=4))
    with pytest.raises(InputError, match="20 new tokens"):
        Asked(text="a").check(Limits(new_tokens=4))


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
        question.check(limits)


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


def test_results_are_kept_as_a_run(tmp_path: Path) -> None:
    model = wherefrom.load_model("demo:lm")
    out = model.attribute("He was", method="saliency", generation_args={"max_new_tokens": 2}, show_progress=False)
    keeper = Keeper(folder=tmp_path / "run")
    assert keeper.lines() == []
    keeper.keep(out, "attribute")
    keeper.keep(out, "compare")
    assert [one.id for one in keeper.lines()] == ["0002-compare-saliency", "0001-attribute-saliency"]
    assert len(wherefrom.load(keeper.folder)) == 2
    again = keeper.load("0001-attribute-saliency")[0]
    assert (again.target_attributions == out[0].target_attributions).all()
    with pytest.raises(InputError, match="Nothing is kept"):
        keeper.load("0003")


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
