"""Every key of the table, pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from textual.screen import Screen
from textual.widgets import Input
from wherefrom.evaluation import Evaluation
from wherefrom.results.attribution import Attributions
from wherefrom_viz.browser.app import Browser
from wherefrom_viz.browser.evaluation import EvaluationBrowser
from wherefrom_viz.browser.keymap import KEYS, spoken
from wherefrom_viz.browser.screens.bindings import bindings
from wherefrom_viz.browser.screens.browse import BrowseScreen
from wherefrom_viz.browser.screens.compare import CompareScreen
from wherefrom_viz.browser.screens.detail import DetailScreen
from wherefrom_viz.browser.screens.export import ExportScreen
from wherefrom_viz.browser.screens.goto import GotoScreen
from wherefrom_viz.browser.screens.help import HelpScreen
from wherefrom_viz.browser.screens.jump import JumpScreen
from wherefrom_viz.browser.screens.open import OpenScreen
from wherefrom_viz.browser.screens.remark import RemarkScreen
from wherefrom_viz.browser.screens.settings import SettingsScreen
from wherefrom_viz.browser.widgets.example_list import ExampleList
from wherefrom_viz.browser.widgets.filter_bar import FilterBar

from tests.viz.browser.conftest import browser_of, settled, shown, two_methods
from tests.viz.conftest import PROVENANCE, causal
from tests.viz.test_trace_views import traced

T = TypeVar("T")
PRESSED: set[str] = set()
"""Ids of the keys that the tests below press, whichever of them run; checked at the end of the file."""


def uses(*ids: str) -> Callable[[T], T]:
    """Say which keys a test presses."""

    def said(test: T) -> T:
        PRESSED.update(ids)
        return test

    return said


def listed(app: Browser) -> ExampleList:
    return app.screen.query_one(ExampleList)


def detail(app: Browser) -> DetailScreen:
    assert isinstance(app.screen, DetailScreen)
    return app.screen


@pytest.mark.parametrize(
    "keys, cursor",
    [
        ("down", 1),
        ("j", 1),
        ("j k", 0),
        ("down up", 0),
        ("end", 3),
        ("end home", 0),
        ("pagedown", 3),
        ("pagedown pageup", 0),
        ("up", 0),
        ("end down", 3),
    ],
)
@uses("up", "down", "first", "last", "page_up", "page_down")
async def test_the_cursor_of_the_list(keys: str, cursor: int) -> None:
    async with browser_of().run_test() as pilot:
        await settled(pilot)
        await pilot.press(*keys.split())
        assert listed(pilot.app).cursor == cursor  # type: ignore[arg-type]


@pytest.mark.parametrize("key, tab", [("enter", "read"), ("1", "read"), ("2", "matrix"), ("3", "steps")])
@uses("enter", "read", "matrix", "steps", "back")
async def test_opening_an_example_in_a_view_and_back(key: str, tab: str) -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("j", key)
        await settled(pilot)
        assert detail(app).tab == tab
        assert detail(app).key == 1
        await pilot.press("escape")
        await pilot.press("k", key)
        await settled(pilot)
        assert detail(app).key == 0
        await pilot.press("backspace")
        assert isinstance(app.screen, BrowseScreen)
        await pilot.press("backspace")
        assert isinstance(app.screen, OpenScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, BrowseScreen)


@uses("search", "next_match", "previous_match")
async def test_search_and_its_matches() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("slash", *"the", "enter")
        await settled(pilot)
        assert [app.session.library.title(key) for key in listed(app).keys.tolist()] == [
            "hospital",
            "translation",
            "chat",
        ]
        await pilot.press("n")
        assert listed(app).cursor == 1
        await pilot.press("n", "n")
        assert listed(app).cursor == 0
        await pilot.press("n", "n", "N")
        assert listed(app).cursor == 1
        await pilot.press("escape")
        await settled(pilot)
        assert len(listed(app).keys) == 4


@uses("filter")
async def test_filter_keeps_the_last_good_result_and_shows_the_mistake() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f", *"method:saliency")
        await settled(pilot)
        assert len(listed(app).keys) == 1
        assert "1 of 4" in shown(pilot)
        app.screen.query_one("#expression", Input).value = "method:saliency metod:x"
        await settled(pilot)
        assert len(listed(app).keys) == 1
        assert "Did you mean 'method'" in shown(pilot)
        await pilot.press("enter", "escape")
        await settled(pilot)
        assert len(listed(app).keys) == 4
        assert not app.screen.query_one(FilterBar).has_class("used")


async def test_nothing_found_says_how_to_go_on() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("slash", *"zebra", "enter", "enter", "space", "j", "x", "e", "y", "4")
        await settled(pilot)
        assert "Nothing matches" in shown(pilot)
        assert "0 of 4" in shown(pilot)


@uses("sort", "reverse")
async def test_sort_and_reverse() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("s")
        titles = [app.session.library.title(key) for key in listed(app).keys.tolist()]
        assert titles == sorted(titles)
        await pilot.press("S")
        assert [app.session.library.title(key) for key in listed(app).keys.tolist()] == titles[::-1]
        await pilot.press("s", "s", "s")
        assert listed(app).sort_column == "inputs"
        assert [app.session.library.summary(key).inputs for key in listed(app).keys.tolist()] == [7, 9, 11, 22]


@uses("smaller_pane", "larger_pane")
async def test_sizes_of_panes() -> None:
    app = browser_of()
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await pilot.press("greater_than_sign", "greater_than_sign")
        larger = app.session.panes["preview"]
        await pilot.press("less_than_sign")
        assert app.session.panes["preview"] == larger - 5


@uses("mark", "mark_all")
async def test_marks() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("space")
        assert app.session.marks == {0}
        assert listed(app).cursor == 1
        await pilot.press("home", "space")
        assert app.session.marks == set()
        await pilot.press("f", *"len<20", "enter")
        await settled(pilot)
        await pilot.press("asterisk")
        assert app.session.marks == {0, 1, 2}
        assert "3 marked" in shown(pilot)
        await pilot.press("asterisk")
        assert app.session.marks == set()
        await pilot.press("enter", "space")
        await settled(pilot)
        assert len(app.session.marks) == 1


@uses("goto")
async def test_go_to_an_id_or_a_number() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        for wanted, cursor in (("chat", 2), ("2", 1), ("nobody", 1)):
            await pilot.press("ctrl+g")
            assert isinstance(app.screen, GotoScreen)
            await pilot.press(*wanted, "enter")
            await pilot.pause()
            assert listed(app).cursor == cursor


async def test_go_to_a_number_is_to_the_example_that_the_list_calls_so() -> None:
    """Here a filter leaves two of six without ids: #2 and #5, on the first and the second line."""
    examples = [causal(["a", f" w{n}", " x"], 2, method="lime" if n in (1, 4) else "saliency") for n in range(6)]
    app = browser_of(Attributions(sequence_attributions=tuple(examples)))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f", *"method:lime", "enter")
        await settled(pilot)
        titles = [app.session.library.title(key) for key in listed(app).keys.tolist()]
        assert titles == ["#2", "#5"]
        for wanted, cursor in (("#5", 1), ("#2", 0), ("2", 1), ("#1", 1), ("1", 0)):
            await pilot.press("ctrl+g")
            app.screen.query_one(Input).value = wanted
            await pilot.press("enter")
            await pilot.pause()
            assert listed(app).cursor == cursor, wanted


@uses("left", "right")
async def test_moving_over_the_output_recolours_the_prompt() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)

        def colours() -> list[str]:
            strips = app.screen.query_one("#read").render_lines(app.screen.query_one("#read").size.region)  # type: ignore[attr-defined]
            return [str(segment.style.bgcolor) for strip in strips for segment in strip if segment.style]

        seen = [colours()]
        for key in ("right", "l", "left", "h"):
            await pilot.press(key)
            seen.append(colours())
        assert seen[0] != seen[1] != seen[2]
        assert seen[3] == seen[1]
        assert seen[4] == seen[0]
        assert "output 1 of 4" in shown(pilot)


async def test_pins_are_summed_and_taken_away() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("enter", "right", "enter")
        assert detail(app).looking.columns == [0, 1]
        assert "to + the comes from" in shown(pilot)
        await pilot.press("escape")
        assert detail(app).looking.columns == [1]
        await pilot.press("escape")
        assert isinstance(app.screen, BrowseScreen)


async def test_rows_of_the_matrix_and_of_the_steps() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        await pilot.press("down", "j", "down")
        assert detail(app).looking.row == 2
        assert "sick drove" in shown(pilot)
        await pilot.press("end")
        assert detail(app).looking.row == 13
        await pilot.press("home", "pagedown", "pageup")
        assert detail(app).looking.row == 0
        await pilot.press("3", "down", "down", "k")
        assert detail(app).looking.column == 1
        await pilot.press("end")
        assert detail(app).looking.column == 3


@uses("granularity", "aggregation", "normalization")
async def test_granularity_aggregation_normalisation_change_the_pipeline() -> None:
    app = browser_of()
    async with app.run_test(size=(140, 30)) as pilot:
        await settled(pilot)
        await pilot.press("j", "enter")
        await settled(pilot)
        assert "tokens · scores as the method gave them" in shown(pilot)
        await pilot.press("g")
        assert "words · sum over words" in shown(pilot)
        description = detail(app).description
        assert description is not None
        assert len(description.steps) == 6
        await pilot.press("a", "a")
        assert "mean over words" in shown(pilot)
        await pilot.press("n", "n")
        assert "share of each step's total" in shown(pilot)
        assert description is not detail(app).description
        await pilot.press("g", "g", "g", "g")
        assert "tokens · share" in shown(pilot)


async def test_granularity_keeps_the_cursor_on_its_word() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("j", "enter")
        await settled(pilot)
        await pilot.press("right", "right", "right")  # " discusse"
        await pilot.press("g")
        description = detail(app).description
        assert description is not None
        assert description.steps[detail(app).looking.column].label == "discusse"


async def test_n_is_the_next_match_while_searching() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("slash", *"to", "enter")
        assert detail(app).looking.row == 9
        await pilot.press("n")
        assert (detail(app).looking.row, detail(app).looking.column) == (None, 0)
        await pilot.press("N")
        assert detail(app).looking.row == 9
        await pilot.press("escape", "n")
        assert app.session.drawing.normalization == "none"


@uses("metric")
async def test_metric_of_the_sparkline() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("j", "enter")
        await settled(pilot)
        assert "probability 0.9" in shown(pilot)
        await pilot.press("m")
        assert "entropy 0.2" in shown(pilot)
        await pilot.press("right")
        assert "entropy 0.586" in shown(pilot)


@uses("weaker", "stronger")
async def test_intensity() -> None:
    app = browser_of()
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("right_square_bracket")
        assert app.session.drawing.intensity == 1.25
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert app.session.drawing.intensity == 0.8
        assert "intensity ×0.8" in shown(pilot)


@uses("next_example", "previous_example")
async def test_the_next_example_without_going_back() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("J", "shift+down")
        await settled(pilot)
        assert app.session.library.title(detail(app).key) == "chat"
        await pilot.press("K")
        await settled(pilot)
        assert app.session.library.title(detail(app).key) == "translation"
        await pilot.press("escape")
        assert listed(app).cursor == 1


@uses("compare", "compare_marked", "normalization_compared")
async def test_compare_marked_and_what_its_keys_do() -> None:
    app = browser_of(two_methods())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("space", "x")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        assert screen.keys == (0, 1)
        assert screen.comparison is not None
        assert "integrated_gradients ↔ occlusion" in shown(pilot)
        await pilot.press("right", "right")
        columns = {view.looking.column for view in (screen._view("a"), screen._view("b"))}
        assert columns == {2}
        await pilot.press("4")
        assert "A − B" in shown(pilot)
        assert "more in A" in shown(pilot)
        await pilot.press("4", "2", "down", "down")
        await pilot.pause()
        assert screen.looking.row == 1
        await pilot.press("3", "end", "home", "pagedown", "pageup")
        await pilot.pause()
        assert "agreement" in shown(pilot)
        await pilot.press("1", "down", "up", "end", "home")
        before = screen.comparison
        await pilot.press("g", "a", "n", "m", "left_square_bracket")
        assert screen.comparison is not before
        assert "words" in shown(pilot)
        await pilot.press("enter", "left", "escape", "escape")
        assert isinstance(app.screen, BrowseScreen)


async def test_compare_finds_the_other_method_of_the_same_text() -> None:
    app = browser_of(two_methods())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await settled(pilot)
        assert isinstance(app.screen, CompareScreen)
        assert app.screen.keys == (0, 1)
        await pilot.press("escape", "enter")
        await settled(pilot)
        await pilot.press("4")
        assert isinstance(app.screen, CompareScreen)


async def test_compare_without_anything_to_compare_says_so() -> None:
    app = browser_of()
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("x")
        await pilot.pause(0.2)
        assert isinstance(app.screen, BrowseScreen)
        assert "example with Space" in shown(pilot)
        await pilot.press("space", "j", "space", "j", "space", "k", "x")  # three marks
        await pilot.pause(0.2)
        assert isinstance(app.screen, BrowseScreen)


async def test_comparing_different_texts_is_a_line() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("space", "end", "x")
        await settled(pilot)
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("right", "down", "g", "3", "2", "4", "y", "enter")
        assert "no token in common" in shown(pilot)


@pytest.mark.parametrize("where", ["browse", "read", "matrix", "steps", "compare"])
@uses("copy")
async def test_copy_as_text(where: str) -> None:
    app = browser_of(two_methods())
    async with app.run_test() as pilot:
        await settled(pilot)
        if where != "browse":
            await pilot.press({"read": "1", "matrix": "2", "steps": "3", "compare": "4"}[where])
            await settled(pilot)
        await pilot.press("y")
        assert "hospital" in app.clipboard
        if where in ("matrix", "read"):
            assert "0.41" in app.clipboard
        if where == "steps":
            assert "0.970" in app.clipboard
        if where == "compare":
            assert "A" in app.clipboard


@uses("trace")
async def test_a_trace_has_a_view_of_its_own() -> None:
    app = browser_of(Attributions(sequence_attributions=(traced(),)))
    async with app.run_test(size=(110, 40)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "5  Trace" in shown(pilot)
        await pilot.press("5")
        await settled(pilot)
        assert detail(app).tab == "trace"
        for words in ("Mass by part", "Mass by role", "user 2", "Then bark."):
            assert words in shown(pilot)
        await pilot.press("y")
        assert "By way of" in app.clipboard


async def test_a_result_that_is_no_trace_says_so() -> None:
    app = browser_of(two_methods())
    async with app.run_test(size=(110, 40)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "5  Trace" not in shown(pilot)
        await pilot.press("5")
        await settled(pilot)
        assert "This result is no trace" in shown(pilot)
        await pilot.press("y")
        await settled(pilot)
        assert "This result is no trace" in app.clipboard


@uses("export", "settings", "help", "palette", "theme")
async def test_screens_over_screens() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        expected: list[tuple[str, type[Screen[object]]]] = [
            ("e", ExportScreen),
            ("f2", SettingsScreen),
            ("f1", HelpScreen),
            ("question_mark", HelpScreen),
        ]
        for key, kind in expected:
            await pilot.press(key)
            assert isinstance(app.screen, kind)
            await pilot.press("escape")
            assert isinstance(app.screen, BrowseScreen)
        await pilot.press("ctrl+p")
        assert type(app.screen).__name__ == "CommandPalette"
        await pilot.press("escape")
        before = app.theme
        await pilot.press("t")
        assert app.theme != before


@uses("tag", "note", "next_file", "previous_file", "jump")
async def test_remarks_files_and_jumps() -> None:
    """What they do is tested in test_remarks.py."""
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        expected: list[tuple[str, type[Screen[object]]]] = [
            ("T", RemarkScreen),
            ("o", RemarkScreen),
            ("ctrl+o", JumpScreen),
        ]
        for key, kind in expected:
            await pilot.press(key)
            assert isinstance(app.screen, kind)
            await pilot.press("escape")
        for key in ("w", "W"):
            await pilot.press(key)
        assert isinstance(app.screen, BrowseScreen)


@pytest.mark.parametrize("pressed", [("q",), ("ctrl+q",), ("f", "ctrl+q"), ("enter", "q")])
@uses("quit")
async def test_quit(pressed: tuple[str, ...]) -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press(*pressed)
        await pilot.pause()
    assert app.return_code == 0


@pytest.mark.parametrize("pressed", ["q", "ctrl+q"])
async def test_the_browser_of_evaluations_quits_by_the_same_keys(pressed: str) -> None:
    app = EvaluationBrowser(Evaluation(measurements=()))
    async with app.run_test() as pilot:
        await pilot.press(pressed)
        await pilot.pause()
    assert app.return_code == 0


async def test_q_is_a_letter_where_text_is_typed() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f", "q")
        await settled(pilot)
        assert app.is_running
        assert app.return_code is None
        assert isinstance(app.focused, Input)
        assert app.focused.value == "q"


def test_every_key_is_pressed_above() -> None:
    assert {key.id for key in KEYS} - PRESSED == set()


@pytest.mark.parametrize("screen", [OpenScreen, BrowseScreen, DetailScreen, CompareScreen])
def test_footers_show_six_keys_at_most(screen: type[Screen[None]]) -> None:
    shown_keys = [binding for binding in screen.BINDINGS if binding.show]  # type: ignore[union-attr]
    assert 0 < len(shown_keys) <= 6


@pytest.mark.parametrize("screen", ["open", "browse", "detail", "compare"])
def test_no_key_means_two_things_on_one_screen(screen: str) -> None:
    keys = [key for binding in bindings(screen, ()) for key in binding.key.split(",")]
    assert len(keys) == len(set(keys))


def test_keys_are_spoken() -> None:
    assert spoken("up,k") == "↑ k"
    assert spoken("ctrl+g") == "^g"


async def test_a_comparison_is_copied_as_it_is_shown() -> None:
    app = browser_of(two_methods())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("4")
        await settled(pilot)
        await pilot.press("y")
        by_step = app.clipboard
        assert "share of each step's total" in by_step
        assert PROVENANCE.model["name"] in by_step
        await pilot.press("n", "n", "n")
        await settled(pilot)
        assert app.session.drawing.normalization == "sequence"
        await pilot.press("y")
        assert "share of the largest score" in app.clipboard
        assert "share of each step's total" not in app.clipboard
