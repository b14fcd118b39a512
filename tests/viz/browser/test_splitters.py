"""Lines between panes: dragged, moved by keys, kept in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from wherefrom.errors import SettingsError
from wherefrom_viz.browser.settings import Settings, as_toml, load_settings, settings_from

from tests.viz.browser.conftest import browser_of, settled, shown, two_methods


async def drag(pilot: Pilot[None], splitter: str, x: int, y: int) -> None:
    """Take hold of a line, move it by some cells, let go."""
    region = pilot.app.screen.query_one(f"#split-{splitter}").region
    start = (region.x + region.width // 2, region.y + region.height // 2)
    await pilot.mouse_down(offset=start)
    width, height = pilot.app.size
    end = (min(max(start[0] + x, 0), width - 1), min(max(start[1] + y, 0), height - 1))
    await pilot.hover(offset=end)
    await pilot.mouse_up(offset=end)
    await settled(pilot)


def size(pilot: Pilot[None], pane: str) -> tuple[int, int]:
    region = pilot.app.screen.query_one(f"#{pane}").region
    return region.width, region.height


async def test_the_preview_grows_when_its_line_is_dragged_up() -> None:
    app = browser_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert size(pilot, "preview") == (80, 7)
        await drag(pilot, "preview", 0, -5)
        assert size(pilot, "preview")[1] == pytest.approx(12, abs=1)
        assert "to the hospital." in shown(pilot)
        line = app.screen.query_one("#split-preview").region.y
        await pilot.hover(offset=(40, 5))
        await settled(pilot)
        assert app.screen.query_one("#split-preview").region.y == line
        await drag(pilot, "preview", 0, -50)
        assert size(pilot, "examples")[1] >= 3
        await drag(pilot, "preview", 0, 50)
        assert size(pilot, "preview")[1] >= 3
        await pilot.click("#split-preview", times=2)
        await settled(pilot)
        assert size(pilot, "preview") == (80, 7)
        assert app.session.marks == set()


async def test_the_card_is_sized_and_stays_so_for_the_next_example() -> None:
    app = browser_of()
    async with app.run_test(size=(140, 30)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        before = size(pilot, "card")[0]
        await drag(pilot, "card", -20, 0)
        assert size(pilot, "card")[0] == pytest.approx(before + 20, abs=1)
        assert size(pilot, "views")[0] + size(pilot, "card")[0] + 1 == 140
        await pilot.press("escape", "j", "enter")
        await settled(pilot)
        assert size(pilot, "card")[0] == pytest.approx(before + 20, abs=1)


@pytest.mark.parametrize("window", [(80, 24), (140, 30)])
async def test_panes_of_a_comparison_are_sized(window: tuple[int, int]) -> None:
    app = browser_of(two_methods())
    async with app.run_test(size=window) as pilot:
        await settled(pilot)
        await pilot.press("x")
        await settled(pilot)
        before = size(pilot, "pane-a")[0]
        await drag(pilot, "pane-a", -10, 0)
        assert size(pilot, "pane-a")[0] == pytest.approx(before - 10, abs=1)
        await pilot.press("4")
        await settled(pilot)
        seen = [pane for pane in ("pane-a", "pane-b", "pane-difference") if size(pilot, pane) != (0, 0)]
        assert sum(size(pilot, pane)[0] for pane in seen) + len(seen) - 1 == window[0]
        await drag(pilot, "pane-a", 200, 0)
        assert all(size(pilot, pane)[0] >= 7 for pane in seen)
        if len(seen) == 3:
            await drag(pilot, "pane-difference", -200, 0)
            assert sum(size(pilot, pane)[0] for pane in seen) + 2 == window[0]
            assert all(size(pilot, pane)[0] >= 7 for pane in seen)


async def test_keys_size_the_pane_where_there_is_no_mouse() -> None:
    app = browser_of()
    async with app.run_test(size=(80, 40)) as pilot:
        await settled(pilot)
        before = size(pilot, "preview")[1]
        await pilot.press("greater_than_sign", "greater_than_sign")
        await settled(pilot)
        assert size(pilot, "preview")[1] == pytest.approx(before + 4, abs=1)
        await pilot.press("less_than_sign", "less_than_sign", "less_than_sign")
        await settled(pilot)
        assert size(pilot, "preview")[1] < before
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("greater_than_sign")
        assert any("no other pane" in notice.message for notice in app._notifications)


async def test_sizes_are_settings() -> None:
    app = browser_of(settings=Settings(panes={"preview": 50}))
    async with app.run_test(size=(80, 40)) as pilot:
        await settled(pilot)
        assert size(pilot, "preview")[1] == pytest.approx(20, abs=1)
        await pilot.press("f2")
        await settled(pilot)
        assert "[browser.panes]" in shown(pilot)
        assert "preview = 50" in shown(pilot)


def test_sizes_are_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(as_toml(Settings(panes={"card": 40, "pane-a": 30})))
    assert load_settings(tmp_path / "config.toml").panes == {"card": 40, "pane-a": 30}


@pytest.mark.parametrize(
    "panes, words",
    [({"prewiev": 30}, "Did you mean 'preview'"), ({"card": 99}, "from 10 to 90"), ({"card": "wide"}, "'wide'")],
)
def test_mistakes_in_sizes_are_named(panes: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings_from({"panes": panes}, "config.toml")
