"""Keys that arrive together go where they would have gone one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input
from wherefrom_viz.browser import key_order
from wherefrom_viz.browser.app import Browser
from wherefrom_viz.browser.screens.browse import BrowseScreen
from wherefrom_viz.browser.screens.detail import DetailScreen
from wherefrom_viz.browser.screens.export import ExportScreen
from wherefrom_viz.browser.widgets.example_list import ExampleList
from wherefrom_viz.browser.widgets.filter_bar import FilterBar

from tests.viz.browser.conftest import browser_of, settled, shown

NAMES = {"/": "slash", " ": "space", "<": "less_than_sign", ".": "full_stop", ":": "colon"}


def at_once(app: Browser, *keys: str) -> None:
    """All keys in one go, as one read of the terminal gives them."""
    driver = app._driver
    assert driver is not None
    for key in keys:
        event = events.Key(NAMES.get(key, key), key if len(key) == 1 else None)
        event.set_sender(app)
        driver.send_message(event)


async def test_text_behind_the_search_key_is_searched() -> None:
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        at_once(app, *"/sick", "enter", "space")
        await settled(pilot)
        assert app.screen.query_one(FilterBar).text == "sick"
        assert "1 of 4 examples" in shown(pilot)
        assert app.focused is app.screen.query_one(ExampleList)
        assert app.session.marks == {0}


async def test_text_behind_the_filter_key_is_a_filter_and_keys_behind_it_are_keys() -> None:
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        at_once(app, *"fid:chat", "enter", "enter", "2", "right", "right")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert app.session.library.title(app.screen.key) == "chat"
        assert app.screen.tab == "matrix"
        at_once(app, "escape", "escape", "/", *"sick", "escape")
        await settled(pilot)
        assert isinstance(app.screen, BrowseScreen)
        assert app.screen.query_one(FilterBar).text == "sick"


async def test_text_behind_the_key_of_a_dialog_is_written_into_it(tmp_path: Path) -> None:
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        at_once(app, "j", "e", "ctrl+a", "ctrl+k", *"x.json")
        await settled(pilot)
        assert isinstance(app.screen, ExportScreen)
        assert app.screen.query_one(Input).value == "x.json"


async def test_search_inside_an_example_gets_its_text() -> None:
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        at_once(app, *"/hospital", "enter")
        await settled(pilot)
        assert app.screen.query_one(FilterBar).text == "hospital"


async def test_search_inside_an_example_finds_text_of_several_tokens() -> None:
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.description is not None
        words = [unit.token.text for unit in app.screen.description.inputs[1:3]]
        await pilot.press("slash", *"".join(words).strip())
        await settled(pilot)
        assert "not found" not in shown(pilot)
        assert app.screen.looking.row == 1


async def test_a_key_that_never_arrives_holds_up_the_others_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_order, "PATIENCE", 0.05)
    monkeypatch.setattr(key_order.KeyOrder, "_follow", lambda *_: None)
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        at_once(app, "j", "j", "j")
        for _ in range(10):
            await pilot.pause(0.05)
        assert app.screen.query_one(ExampleList).cursor == 3
