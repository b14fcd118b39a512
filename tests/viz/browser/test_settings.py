from __future__ import annotations

from pathlib import Path

import pytest
from wherefrom.errors import SettingsError
from wherefrom_viz.browser.app import Browser
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.settings import Settings, as_toml, configuration_file, load_settings

from tests.viz.browser.conftest import browser_of, settled


def write(text: str) -> Path:
    path = configuration_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_usual_settings_without_a_file() -> None:
    assert load_settings() == Settings()


def test_settings_come_from_the_users_file() -> None:
    write(
        '[common]\nmodel = "demo:lm"\n[browser]\ntheme = "nord"\npalette = "green-purple"\nprecision = 4\n'
        '[browser.keys]\ngranularity = "w,ctrl+w"\n'
    )
    settings = Browser().settings
    assert settings.theme == "nord"
    assert settings.drawing == Drawing(palette="green-purple", precision=4)
    assert settings.keys == {"granularity": "w,ctrl+w"}


@pytest.mark.parametrize(
    "text, words",
    [
        ("[browser", "cannot be read as TOML"),
        ("browser = 3", r"browser must be a table: \[browser\]"),
        ('[browser]\nthme = "x"', "no setting 'thme'. Did you mean 'theme'"),
        ('[browser]\npalette = "red"', "palette = 'red'. .*Choose one of red-blue"),
        ("[browser]\nprecision = true", "wrong type"),
        ("[browser]\nintensity = 'x'", "wrong type"),
        ('[browser.keys]\ngranularty = "w"', "no action 'granularty'. Did you mean 'granularity'"),
        ("[browser.keys]\ngranularity = 3", "Write keys as text"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    write(text)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_numbers_out_of_bounds_are_refused() -> None:
    write("[browser]\nintensity = 1000")
    with pytest.raises(SettingsError, match="intensity"):
        load_settings()


def test_what_is_shown_to_keep_is_what_is_read() -> None:
    settings = Settings(theme="nord", drawing=Drawing(granularity="word", intensity=2.0, wrap=72))
    write(as_toml(settings))
    assert load_settings() == settings


async def test_a_users_key_replaces_the_usual_one() -> None:
    app = browser_of(settings=Settings(keys={"mark": "v"}))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("space")
        assert app.session.marks == set()
        await pilot.press("v")
        assert app.session.marks == {0}
