"""A picture of every screen, at the smallest size we promise and at a comfortable one."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.widgets import Input
from wherefrom_viz.browser.app import Browser

from tests.viz.browser.conftest import browser_at, browser_of, noted_result, settled, two_methods

SIZES = [(80, 24), (140, 45)]

SCREENS: dict[str, tuple[str, ...]] = {
    "browse": (),
    "browse-filtered": ("f", *"method:ig len<20", "enter", "space"),
    "browse-mistake": ("f", *"prb<0.2"),
    "browse-unfinished": ("f", *"len<20", "space", *"prob<"),
    "read": ("enter", "right", "right"),
    "read-pinned": ("enter", "enter", "right", "right", "enter"),
    "read-translation": ("j", "enter", "right", "g"),
    "read-hostile": ("end", "enter", "right"),
    "matrix": ("2", "down", "down", "down", "right", "right"),
    "matrix-hostile": ("end", "2", "down", "right"),
    "steps": ("j", "3", "down", "m"),
    "help": ("question_mark",),
    "export": ("e",),
    "settings": ("f2", "right"),
    "light": ("t", "j", "enter", "right"),
}
COMPARED: dict[str, tuple[str, ...]] = {
    "compare-read": ("x", "right", "right"),
    "compare-difference": ("x", "right", "right", "4"),
    "compare-matrix": ("x", "2", "down", "right"),
    "compare-steps": ("x", "3", "down"),
}


class Svg(SingleFileSnapshotExtension):
    """One SVG file per picture."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@pytest.fixture
def pictures(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Svg)


async def picture(app: Browser, keys: tuple[str, ...], size: tuple[int, int]) -> str:
    """The screen after some keys."""
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            if key in ("enter", "x", "2", "3"):
                await settled(pilot)
        await settled(pilot)
        for field in app.screen.query(Input):
            field.cursor_blink = False  # else the clock says whether the text cursor is seen
        await pilot.pause()
        return app.export_screenshot(title="wherefrom")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
async def test_screen(
    name: str, size: tuple[int, int], pictures: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/reader/.config")
    assert await picture(browser_of(), SCREENS[name], size) == pictures


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", COMPARED)
async def test_comparison(name: str, size: tuple[int, int], pictures: SnapshotAssertion) -> None:
    assert await picture(browser_of(two_methods()), COMPARED[name], size) == pictures


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_annotations(size: tuple[int, int], pictures: SnapshotAssertion) -> None:
    assert await picture(browser_of(noted_result()), ("f", *"label>1", "enter", *"ssssssssss"), size) == pictures


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_open(
    size: tuple[int, int], pictures: SnapshotAssertion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    two_methods().save(tmp_path / "here" / "two-methods.json")
    two_methods().save(tmp_path / "here" / "more.jsonl")
    monkeypatch.chdir(tmp_path / "here")
    assert await picture(browser_at(), ("down",), size) == pictures


async def test_without_colour(pictures: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert await picture(browser_of(colours=None), ("2", "down", "down", "down"), (80, 24)) == pictures
