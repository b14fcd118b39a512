from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from attrs import evolve
from textual.widgets import Input, OptionList, Static
from wherefrom.files import RunWriter
from wherefrom.results import share_on
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.screens.base import SessionScreen
from wherefrom_viz.browser.screens.browse import BrowseScreen
from wherefrom_viz.browser.screens.compare import CompareScreen
from wherefrom_viz.browser.screens.detail import DetailScreen
from wherefrom_viz.browser.screens.export import ExportScreen
from wherefrom_viz.browser.screens.open import OpenScreen
from wherefrom_viz.browser.settings import Settings
from wherefrom_viz.browser.widgets.example_list import ExampleList
from wherefrom_viz.browser.widgets.filter_bar import FilterBar
from wherefrom_viz.browser.widgets.matrix_view import MatrixView
from wherefrom_viz.browser.widgets.reading_view import ReadingView
from wherefrom_viz.console import render_text
from wherefrom_viz.describe.description import describe
from wherefrom_viz.describe.running_text import highlights

from tests.viz.browser.conftest import browser_at, browser_of, settled, shown, two_methods
from tests.viz.conftest import PROVENANCE, causal, hospital_example, marked_chat


async def test_open_screen_lists_the_folder_and_opens(
    write_run: Callable[..., Path], everyone: Attributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(4, total=9)
    everyone.save(folder.parent / "four.json")
    monkeypatch.chdir(folder.parent)
    app = browser_at()
    async with app.run_test() as pilot:
        await settled(pilot)
        assert isinstance(app.screen, OpenScreen)
        text = shown(pilot)
        assert "four.json" in text
        assert "4 of 9 so far" in text
        await pilot.press("end", "j", "k", "home", "pagedown", "pageup", "down", "enter")
        await settled(pilot)
        assert isinstance(app.screen, BrowseScreen)
        assert len(app.session.library) == 4
        await pilot.press("escape")
        await settled(pilot)
        assert "recent" in shown(pilot)


async def test_open_screen_says_why_a_path_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bad = Path("bad.json")
    bad.write_text("[1, 2")
    app = browser_at(bad)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert isinstance(app.screen, OpenScreen)
        assert "bad.json" in shown(pilot)
        app.screen.query_one("#path", Input).focus()
        await pilot.press(*"nowhere.json", "enter")
        await settled(pilot)
        assert "There is nothing at 'nowhere.json'" in shown(pilot)


async def test_two_files_one_of_them_damaged(
    write_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = Path("bad.json")
    bad.write_text("[1, 2")
    app = browser_at(write_run(2), bad)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert len(app.session.library) == 2
        assert "! " in shown(pilot)
        assert "bad.json" in shown(pilot)


async def test_files_are_followed(write_run: Callable[..., Path], make: Callable[..., Attribution]) -> None:
    folder = write_run(2, total=3)
    app = browser_at(folder, follow_seconds=0.05)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert "growing: 2 of 3" in shown(pilot)
        await pilot.press("down")
        with RunWriter(folder, batch=1) as writer:
            writer.append(make(["a", "b"], 1, id="late"))
        for _ in range(40):
            await pilot.pause(0.05)
            if len(app.screen.query_one(ExampleList).keys) == 3:
                break
        assert "late" in shown(pilot)
        assert app.screen.query_one(ExampleList).cursor == 1
        assert "growing" not in shown(pilot)


async def test_a_file_deleted_under_the_running_app(write_run: Callable[..., Path]) -> None:
    folder = write_run(5)
    app = browser_at(folder, follow_seconds=0.05)
    async with app.run_test() as pilot:
        await settled(pilot)
        shutil.rmtree(folder)
        for _ in range(40):
            await pilot.pause(0.05)
            if "is gone" in shown(pilot):
                break
        assert "run is gone" in shown(pilot)
        await pilot.press("end")
        await settled(pilot)
        assert "The file is gone" in shown(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert "cannot be read" in shown(pilot)
        await pilot.press("g", "right", "2", "down", "3", "y", "enter", "m", "backspace", "home", "enter")
        await settled(pilot)
        assert "PROMPT" in shown(pilot)  # it was read before


async def test_a_damaged_example_is_a_line(write_run: Callable[..., Path]) -> None:
    folder = write_run(2)
    part = next(folder.glob("part-*.jsonl"))
    data = part.read_bytes()
    part.write_bytes(data.replace(b'"steps":[3,5]', b'"steps":[3,9]', 1))
    app = browser_at(folder)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "cannot be read" in shown(pilot)
        await pilot.press("J")
        await settled(pilot)
        assert "PROMPT" in shown(pilot)


@pytest.mark.parametrize("tab", ["1", "2", "3"])
@pytest.mark.parametrize(
    "size", [(80, 24), pytest.param((30, 10), marks=pytest.mark.heavy), pytest.param((10, 4), marks=pytest.mark.heavy)]
)
async def test_hostile_tokens_in_every_view(tab: str, size: tuple[int, int]) -> None:
    app = browser_of()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("end", tab)
        await settled(pilot)
        await pilot.press(*["right"] * 6, *["down"] * 4, "g", "g", "g", "g", "y")
        text = shown(pilot)
        assert not any(0xD800 <= ord(c) < 0xE000 or (ord(c) < 32 and c != "\n") or c == "\u202e" for c in text)
        for line in app.screen._compositor.render_strips():
            assert sum(segment.cell_length for segment in line) == size[0]


async def test_resizing_while_looking() -> None:
    app = browser_of()
    async with app.run_test(size=(140, 45)) as pilot:
        await settled(pilot)
        for key in ("1", "2", "3"):
            await pilot.press(key)
            await settled(pilot)
            for size in ((80, 24), (20, 6), (160, 50)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                assert shown(pilot)
            await pilot.press("escape")
            await pilot.resize_terminal(60, 12)
            await pilot.pause()


@pytest.mark.parametrize("theme", ["wherefrom-light", "nord", "ansi-dark", "ansi-light", "solarized-light"])
async def test_themes_colour_scores(theme: str) -> None:
    app = browser_of(settings=Settings(theme=theme), colours=None if theme.startswith("ansi") else "truecolor")
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("1")
        await settled(pilot)
        view = app.screen.query_one(ReadingView)
        colours = {segment.style.bgcolor for y in range(5) for segment in view.render_line(y) if segment.style}
        assert len(colours - {None}) >= 2
        if theme.startswith("ansi"):
            assert app.native_ansi_color


async def test_a_terminal_of_sixteen_colours_has_themes_of_its_own() -> None:
    app = browser_of(colours="16")
    async with app.run_test() as pilot:
        await settled(pilot)
        seen = []
        for _ in range(3):
            await pilot.press("t")
            await settled(pilot)
            seen.append(app.theme)
        assert set(seen) == {"ansi-dark", "ansi-light"}, "others mix colours that it does not have"


async def test_without_colour_signs_and_shades_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = browser_of(colours=None)
    async with app.run_test() as pilot:
        await settled(pilot)
        assert isinstance(app.screen, SessionScreen)
        assert app.screen.shades_now().colourless
        await pilot.press("1")
        await settled(pilot)
        await pilot.press("right", "right")
        view = app.screen.query_one(ReadingView)
        styles = {s.text: s.style for y in range(6) for s in view.render_line(y) if s.style}
        assert styles["sick"].reverse
        assert styles["colleagues"].underline
        assert styles["colleagues"].italic
        assert "+▒+▓+█" in shown(pilot).replace(" ", "")


async def test_unknown_theme_is_a_line() -> None:
    app = browser_of(settings=Settings(theme="pink"))
    async with app.run_test() as pilot:
        await settled(pilot)
        assert app.theme == "wherefrom"
        assert "no theme 'pink'" in shown(pilot)


async def test_mouse_in_the_list() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.click(ExampleList, offset=(10, 3))
        assert app.screen.query_one(ExampleList).cursor == 2
        await pilot.click(ExampleList, offset=(4, 0))
        assert app.screen.query_one(ExampleList).sort_column == "id"
        await pilot.click(ExampleList, offset=(4, 0))
        assert app.screen.query_one(ExampleList).backwards
        await pilot.click(ExampleList, offset=(10, app.screen.query_one(ExampleList).cursor + 1))
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)


async def test_the_legend_is_of_what_is_coloured() -> None:
    """Two pinned outputs are coloured by their sum, and the legend says so; cells have a legend of their own."""
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        assert screen.description is not None

        def legend() -> str:
            return str(screen.query_one("#legend", Static).render())

        alone = screen.description.scale.bound
        assert f" +{alone:.2f} " in legend()
        screen.looking = evolve(screen.looking, pinned=frozenset(range(4)))
        screen.draw()
        summed = float(np.abs(screen.description.scores.sum(axis=1)).max())
        assert f"{summed:.2f}" != f"{alone:.2f}"
        assert f" +{summed:.2f} " in legend()
        await pilot.press("2")
        await settled(pilot)
        assert screen.tab == "matrix"
        assert f" +{alone:.2f} " in legend()


async def test_mouse_in_the_views() -> None:
    app = browser_of()
    async with app.run_test(tooltips=True) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        await pilot.click("#read", offset=(9, 4))  # "hospital" in "to the hospital."
        assert screen.looking.pinned == frozenset({2})
        await pilot.click("#read", offset=(12, 1))  # "sick"
        assert screen.looking.row == 2
        assert "sick drove" in shown(pilot)
        await pilot.click("#read", offset=(12, 1))
        assert screen.looking.row is None
        await pilot.hover("#read", offset=(12, 1))
        assert screen.query_one("#read").tooltip == "sick → hospital: raises 0.62"
        await pilot.click("#sparkline", offset=(21, 0))
        assert screen.looking.column == 0
        await pilot.click("#tabs", offset=(14, 0))
        assert screen.tab == "matrix"
        view = screen.query_one(MatrixView)
        await pilot.click(view, offset=(view._label_width + 9, 4))
        assert (screen.looking.row, screen.looking.column) == (2, 1)
        await pilot.press("3")
        await pilot.click("#steps", offset=(8, 4))
        assert screen.looking.column == 3


@pytest.mark.parametrize("colours", ["none", "truecolor"])
async def test_every_number_of_the_matrix_stands_under_its_output(colours: str) -> None:
    """A marker's score is beyond the colours, a hundred times what the others have."""
    texts = ["<s>", " to", " be", " one", " two", " three"]
    one = causal(texts, 3, {(0, column): 0.95 for column in range(3)}, seed=2)
    first, *rest = one.target
    scores = np.where(np.asarray(one.target_attributions) == np.float32(0.95), 0.95, one.target_attributions / 10)
    one = one.replace(
        target=(msgspec.structs.replace(first, special=True), *rest), target_attributions=scores.astype(np.float32)
    )
    app = browser_of(Attributions(sequence_attributions=(one,)), colours=colours)
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        view = app.screen.query_one(MatrixView)
        head, *rows = ["".join(one.text for one in view.render_line(y)).rstrip() for y in range(6)]
    ends = [found.end() - 1 for found in re.finditer(r"one|two|three", head)]
    assert len(ends) == 3
    assert "950" in rows[1]
    for row in rows[1:4]:
        assert [found.end() for found in re.finditer(r"(?<=\s)[-+]?\d[^·\s]*", row)] == ends, row


async def test_the_preview_and_the_list_tell_one_share() -> None:
    """Whatever units and scale the preview is drawn in."""
    example = hospital_example()
    share = share_on(example, "prompt")
    assert share is not None
    app = browser_of(Attributions(sequence_attributions=(example, example.replace(id="again"))))
    async with app.run_test(size=(140, 40)) as pilot:
        for keys in ((), ("enter", "g", "escape"), ("enter", "g", "escape"), ("enter", "n", "escape")):
            await pilot.press(*keys)
            await settled(pilot)
            facts = str(app.screen.query_one("#facts", Static).render())
            assert f"prompt {share:.0%} · output so far {1 - share:.0%}" in facts, keys
            assert f" {share:.0%} " in shown(pilot)


async def test_a_rank_under_the_cursor_is_written_as_such() -> None:
    ranked = hospital_example().replace(step_scores={"rank": np.array([12345, 1, 2, 3])})
    app = browser_of(Attributions(sequence_attributions=(ranked,)))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert " rank 12345 " in shown(pilot)


async def test_long_examples_scroll_with_the_cursor(long: Attribution) -> None:
    app = browser_of(Attributions(sequence_attributions=(long,)))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        await pilot.press("end")
        assert "w110" in shown(pilot)
        for _ in range(71):
            await pilot.press("right")
        view = app.screen.query_one(MatrixView)
        assert view.scroll_offset.x > 0
        assert 71 in view._columns(view.size.width)
        await pilot.press("3")
        assert "w111" in shown(pilot)
        await pilot.press("1")
        assert "w111" in shown(pilot)


async def test_settings_are_applied_at_once() -> None:
    app = browser_of()
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("f2", "right", "j", "enter", "j", "l", "h", "k")
        assert app.session.drawing.palette == "orange-blue"
        assert app.session.drawing.scale == "step"
        assert 'palette = "orange-blue"' in shown(pilot)
        await pilot.press("f2")
        assert "scale per step" in shown(pilot)


async def test_palette_runs_an_action() -> None:
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("ctrl+p")
        await pilot.press(*"granularity")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.session.drawing.granularity == "word"


async def test_help_knows_the_users_keys() -> None:
    app = browser_of(settings=Settings(keys={"granularity": "w"}))
    async with app.run_test(size=(90, 50)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("w")
        assert app.session.drawing.granularity == "word"
        await pilot.press("g")
        assert app.session.drawing.granularity == "word"
        await pilot.press("question_mark")
        text = shown(pilot)
        assert "The text that was read" in text
        assert any(line.split()[:4] == ["│", "w", "granularity:", "tokens,"] for line in text.splitlines())


@pytest.mark.parametrize("width", [150, 80])
async def test_every_pane_of_a_comparison_has_the_legend_of_its_colours(width: int) -> None:
    """A has no sign, B has one, and the difference is told in other words."""
    signed = hospital_example()
    unsigned = signed.replace(
        method="saliency", signed=False, target_attributions=np.abs(np.asarray(signed.target_attributions))
    )
    app = browser_of(Attributions(sequence_attributions=(unsigned, signed)))
    async with app.run_test(size=(width, 30)) as pilot:
        await settled(pilot)
        await pilot.press("x")
        await settled(pilot)
        assert isinstance(app.screen, CompareScreen)
        pair = app.screen.comparison
        assert pair is not None

        def legend(pane: str) -> str:
            line = app.screen.query_one(f"#legend-{pane}", Static)
            assert line.is_on_screen == app.screen.query_one(f"#pane-{pane}").is_on_screen
            return str(line.render())

        for column in (0, 2):
            for pane, one in (("a", pair.a), ("b", pair.b), ("difference", pair.difference)):
                if width > 100 or pane != "difference":
                    sign = "+" if one.words.signed else ""
                    assert f" {sign}{app.screen.bound_of(one):.2f}" in legend(pane), (column, pane)
                    assert one.words.sentence in legend(pane)
            await pilot.press("enter", "right", "right", "enter")
        assert "no sign" in legend("a")
        assert "raises" in legend("b")
        assert not app.screen.query_one("#legend").display


async def test_panes_of_the_same_colours_share_a_legend() -> None:
    app = browser_of(two_methods())
    async with app.run_test(size=(80, 30)) as pilot:
        await settled(pilot)
        await pilot.press("x")
        await settled(pilot)
        assert app.screen.query_one("#legend").display
        assert not app.screen.query_one("#legend-a").display


async def test_export_asks_before_it_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = browser_of(two_methods())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("e", "enter")
        await settled(pilot)
        written = tmp_path / "hospital.html"
        assert written.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
        written.write_text("mine")
        await pilot.press("e", "enter")
        await settled(pilot)
        assert isinstance(app.screen, ExportScreen)
        assert "is there already" in shown(pilot)
        assert written.read_text() == "mine"
        await pilot.press("enter")
        await settled(pilot)
        assert written.read_text(encoding="utf-8") != "mine"


async def test_export_of_marked_examples_in_another_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = browser_of(two_methods())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("asterisk", "e", "tab", "down", "down", "down")
        assert app.screen.query_one("#name", Input).value == "attributions.json"
        await pilot.press("enter")
        await settled(pilot)
        again = Attributions.load(tmp_path / "attributions.json")
        assert again == two_methods()


async def test_export_to_a_name_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = browser_of()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("e")
        app.screen.query_one("#name", Input).value = "out.jsn"
        await pilot.press("enter")
        assert isinstance(app.screen, ExportScreen)
        assert "does not say what to write" in shown(pilot)
        assert len(app.screen.query_one(OptionList).options) > 10
    assert list(tmp_path.glob("out*")) == []


async def test_a_failed_export_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = browser_of()  # its last example has a lone surrogate, which UTF-8 has no room for
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("end", "e")
        app.screen.query_one("#name", Input).value = "no-folder/out.csv"
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, ExportScreen)
        assert "There is no folder" in shown(pilot)
        await pilot.press("escape")
        assert isinstance(app.screen, BrowseScreen)


async def test_compare_two_files(write_run: Callable[..., Path]) -> None:
    app = browser_at(write_run(3, "one"), write_run(3, "two"))
    async with app.run_test(size=(140, 45)) as pilot:
        await settled(pilot)
        assert "one + two" in shown(pilot)
        await pilot.press("x")
        await settled(pilot)
        assert isinstance(app.screen, CompareScreen)
        text = shown(pilot)
        assert "one ↔ two" in text
        assert "mean rank agreement +1.00" in text
        assert "A − B" in text


def test_the_browser_imports_no_framework() -> None:
    probe = (
        "import sys, wherefrom_viz.browser.app; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'captum', 'pandas', 'datasets')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def test_importing_the_views_does_not_import_textual() -> None:
    probe = "import sys, wherefrom_viz; assert callable(wherefrom_viz.browse); sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


async def test_the_next_example_begins_with_nothing_of_the_one_before() -> None:
    app = browser_of()
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        first = app.screen
        await pilot.press("right", "enter", "slash", *"sick", "enter")
        assert first.query_one(FilterBar).has_class("used")
        app.pop_screen()
        await settled(pilot)
        await pilot.press("j", "3")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        assert screen is first
        assert screen.tab == "steps"
        assert screen.looking == Focus()
        assert not screen.query_one(FilterBar).has_class("used")
        assert "translation" in shown(pilot)
        assert "sick" not in shown(pilot)
        await pilot.press("escape", "k", "enter")
        await settled(pilot)
        assert "hospital" in shown(pilot)
        assert "sviluppatrice" not in shown(pilot)


async def test_an_unreadable_example_leaves_no_text_of_the_one_before(write_run: Callable[..., Path]) -> None:
    folder = write_run(2)
    app = browser_at(folder)
    async with app.run_test(size=(90, 30)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert " w0" in shown(pilot)
        await pilot.press("escape", "j")
        app.session.cache.clear()
        shutil.rmtree(folder)
        await pilot.press("enter")
        await settled(pilot)
        assert "cannot be read" in shown(pilot)
        assert " w0" not in shown(pilot)
        assert "probability" not in shown(pilot)


@pytest.mark.parametrize("tab", ["1", "2", "3"])
async def test_what_is_left_out_of_strongest_inputs_is_said(tab: str) -> None:
    one = marked_chat()
    said = one.replace(target_attributions=np.where(one.target_attributions > 0.5, 0.1, one.target_attributions))
    for example, told in ((one, True), (said, False)):
        app = browser_of(Attributions(sequence_attributions=(example,)))
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("enter", tab)
            await settled(pilot)
            line = str(app.screen.query_one("#pipeline", Static).render())
            assert ("special and template tokens left out" in line) == told
            assert "output 1 of 2" in line


@pytest.mark.parametrize("lost", [math.nan, math.inf])
async def test_step_scores_that_are_no_numbers_have_no_bar(lost: float) -> None:
    one = hospital_example()
    one = one.replace(step_scores={"check_stability": np.array([lost, 1.0, 0.5, lost])})
    app = browser_of(Attributions(sequence_attributions=(one,), provenance=PROVENANCE))
    async with app.run_test(size=(90, 30)) as pilot:
        await settled(pilot)
        await pilot.press("enter", "3")
        await settled(pilot)
        lines = [line for line in shown(pilot).splitlines() if re.match(r" {3,}[1-4] ", line)]
        assert ["█" in line for line in lines] == [False, True, True, False]
        assert lines[1].count("█") == 2 * lines[2].count("█")
    drawn = [line for line in render_text(one, view="steps").splitlines() if re.match(r" *[1-4] ", line)]
    assert ["█" in line for line in drawn] == [False, True, True, False]
    shares = highlights(describe(one), "check_stability")
    np.testing.assert_allclose(shares, [0, 1, 0.5, 0], err_msg="nor a shade, and the others keep theirs")
