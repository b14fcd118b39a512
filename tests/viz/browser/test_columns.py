"""The columns of the list: which fit, what they show, what they sort by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.pilot import Pilot
from wherefrom.files import Summary
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz.browser.app import Browser
from wherefrom_viz.browser.columns import Contents, columns_for, order_in, sortable, text_in
from wherefrom_viz.browser.widgets.example_list import ExampleList

from tests.viz.browser.conftest import browser_at, browser_of, noted_result, settled, shown

FULL = Contents(
    score="probability",
    files=2,
    methods=2,
    ids=9,
    lows=True,
    shares=True,
    tags=11,
    annotations={"label": (4, True), "note": (30, False)},
)
NOTED = Summary(
    offset=0,
    length=0,
    id="a",
    method="lime",
    inputs=3,
    steps=2,
    prompt="Yes",
    output=" no",
    scores={"entropy": 1.0, "probability": 0.5},
    lows=(0.75, 0.25),
    context=0.6667,
    annotations={"tags": ["b", "A"], "label": 3, "note": "Late", "size": "12"},
)
OLD = Summary(offset=0, length=0, id="b", scores={"probability": 0.5})


def heads(pilot: Pilot[None]) -> list[str]:
    return next(line for line in shown(pilot).splitlines() if line.startswith("   id")).split()


@pytest.mark.parametrize("width", range(60, 260, 7))
@pytest.mark.parametrize("sorted_by", ["n", "score", ":note", "steps"])
def test_columns_fill_the_width_and_the_order_is_always_seen(width: int, sorted_by: str) -> None:
    columns = columns_for(width, FULL, sorted_by)
    names = [column.name for column in columns]
    assert len(names) == len(set(names))
    assert names[:3] == ["id", "input", "output"]
    assert sorted_by in ("n", *names)
    used = 3 + sum(column.width + 2 for column in columns)
    assert used <= width
    assert width - used <= 1 or sum(column.width for column in columns[1:3]) >= 16


def test_wider_windows_have_more_columns() -> None:
    def count(width: int) -> int:
        return len(columns_for(width, FULL))

    assert [column.name for column in columns_for(220, FULL)] == [
        *("id", "input", "output", "inputs", "steps", "score", "low", "context"),
        *("method", "tags", ":label", ":note", "file"),
    ]
    assert count(80) < count(120) < count(220)


def test_what_is_not_there_has_no_column() -> None:
    names = [column.name for column in columns_for(200, Contents(methods=1))]
    assert names == ["id", "input", "output", "inputs", "steps", "method"]


@pytest.mark.parametrize(
    "column, text, old",
    [
        ("score", "0.500", "0.500"),
        ("low", "0.250", ""),
        ("context", "67%", ""),
        ("tags", "b, A", ""),
        (":label", "3", ""),
        (":note", "Late", ""),
        (":none", "", ""),
        ("inputs", "3", "0"),
    ],
)
def test_what_is_unknown_is_blank(column: str, text: str, old: str) -> None:
    assert text_in(column, NOTED, "probability") == text
    assert text_in(column, OLD, "probability") == old


@pytest.mark.parametrize("value", [12345.0, 123.456, -123.456, -9.1234, 0.97153, 128255.0, -3.4e38])
@pytest.mark.parametrize("column", ["score", "low"])
def test_no_number_of_the_list_is_cut(column: str, value: float) -> None:
    width = next(one.width for one in columns_for(200, FULL) if one.name == column)
    told = Summary(offset=0, length=0, scores={"probability": value}, lows=(value, value))
    text = text_in(column, told, "probability")
    assert len(text) <= width
    assert float(text) == pytest.approx(value, rel=0.25)
    assert value != 12345.0 or text == "12345"


def test_numbers_sort_before_texts_and_texts_in_any_case() -> None:
    values = ["b", 10, "9", "A", 2.5]
    found = [Summary(offset=0, length=0, annotations={"x": value}) for value in values]
    order = sorted(found, key=lambda one: order_in(":x", one, ""))
    assert [one.annotations for one in order] == [{"x": value} for value in (2.5, "9", 10, "A", "b")]
    assert order_in(":x", OLD, "") is None
    assert order_in("tags", NOTED, "") == "b, a"


def test_tags_are_gone_through_only_if_there_are_any() -> None:
    assert sortable(["label"], tags=False)[-2:] == ["method", ":label"]
    assert sortable([], tags=True)[-1] == "tags"


async def test_the_list_shows_and_sorts_annotations() -> None:
    app = browser_of(noted_result())
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        assert heads(pilot) == [
            *("id", "input", "output", "in", "out", "prob", "min", "ctx"),
            *("method", "tags", "label", "gold", "label"),
        ]
        await pilot.press(*"sssssssss")
        assert app.screen.query_one(ExampleList).sort_column == "method"
        await pilot.press("s")
        assert titles(app) == sorted_tags(app)
        await pilot.press("s")
        assert titles(app)[:3] == ["chat", "hospital", "translation"]
        await pilot.press("S")
        assert titles(app)[:3] == ["translation", "hospital", "chat"]


def titles(app: Browser) -> list[str]:
    return [app.session.library.title(key) for key in app.screen.query_one(ExampleList).keys.tolist()]


def sorted_tags(app: Browser) -> list[str]:
    keys = app.session.library.keys().tolist()
    tagged = [key for key in keys if app.session.library.summary(key).tags]
    tagged.sort(key=lambda key: ", ".join(app.session.library.summary(key).tags).casefold())
    return [app.session.library.title(key) for key in (*tagged, *(key for key in keys if key not in tagged))]


async def test_heads_of_all_columns_can_be_clicked() -> None:
    app = browser_of(noted_result())
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        line = next(line for line in shown(pilot).splitlines() if line.startswith("   id"))
        for head, column in (("ctx", "context"), ("min", "low"), ("tags", "tags"), ("gold", ":gold label")):
            await pilot.click(ExampleList, offset=(line.index(head), 0))
            assert app.screen.query_one(ExampleList).sort_column == column


async def test_hostile_annotations_are_marks_and_leave_the_lines_straight() -> None:
    app = browser_of(noted_result())
    async with app.run_test(size=(240, 30)) as pilot:
        await settled(pilot)
        text = shown(pilot)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "␛[31m" in text
        assert all(cell_len(line) <= 240 for line in text.splitlines())
        await pilot.press("f", *"column(gold label):[/red]")
        await settled(pilot)
        assert titles(app) == ["chat"]


async def test_annotations_are_listed_from_every_kind_of_file(
    tmp_path: Path, write_run: Callable[..., Path], make: Callable[..., Attribution]
) -> None:
    plain = make(["One", " two", " three"], 2, id="one").replace(annotations={"tags": ["bad"], "label": 7})
    result = Attributions(sequence_attributions=(plain,))
    for name in ("a.json", "a.jsonl", "a.jsonl.gz", "a.msgpack"):
        result.save(tmp_path / name)
        app = browser_at(tmp_path / name)
        async with app.run_test(size=(140, 30)) as pilot:
            await settled(pilot)
            line = next(line for line in shown(pilot).splitlines() if line.startswith("   one"))
            assert line.split()[-2:] == ["bad", "7"], name
            assert "%" in line, name


async def test_typing_a_filter_is_told_quietly_and_keeps_the_last_good_result() -> None:
    app = browser_of(noted_result())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f", *"label>1 ")
        await settled(pilot)
        assert len(titles(app)) == 3
        mistake = app.screen.query_one("#mistake")
        for letter in "prob<":
            await pilot.press(letter)
            assert len(titles(app)) == 3
            assert mistake.has_class("hint")
            assert not mistake.has_class("wrong")
        assert "compared with a number" in shown(pilot)
        await pilot.press("enter")
        assert mistake.has_class("wrong")
        await pilot.press("f", "end", *"0.1")
        await settled(pilot)
        assert titles(app) == []
        assert not mistake.has_class("hint")
        await pilot.press("f", "ctrl+a", "ctrl+k", *"pro")
        await settled(pilot)
        assert len(titles(app)) == 4
        assert "probability" in app.screen.query_one("#mistake").render_line(0).text
        await pilot.press("enter")  # now it is a word
        await settled(pilot)
        assert titles(app) == []
        assert not mistake.has_class("hint")


def style_at_cursor(app: Browser, text: str) -> Style:
    listed = app.screen.query_one(ExampleList)
    strip = listed.render_line(listed.cursor + 1)
    return next(segment.style for segment in strip if text in segment.text and segment.style is not None)


async def test_the_cursor_is_seen_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = browser_of(noted_result(), colours=None)
    async with app.run_test(size=(160, 24)) as pilot:
        await settled(pilot)
        assert style_at_cursor(app, "hospital").reverse
        assert style_at_cursor(app, "bad, gender").reverse


async def test_numbers_are_seen_on_the_cursor_in_a_terminals_own_colours() -> None:
    app = browser_of(noted_result(), colours="16")
    async with app.run_test(size=(160, 24)) as pilot:
        await settled(pilot)
        style = style_at_cursor(app, "0.640")
        assert style.color != style.bgcolor
