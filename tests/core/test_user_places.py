"""A user's own files have one place, whoever asks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from wherefrom.files.user_places import cache_folder, configuration_file, home_folder, state_folder
from wherefrom_cli.configuration import user_file
from wherefrom_cli.trust import project_file
from wherefrom_hf.demo._fetched import cache_folder as models
from wherefrom_openai.settings import ServerSettings
from wherefrom_viz.browser.places import state_file
from wherefrom_viz.browser.settings import configuration_file as of_browser


@pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of Linux")
def test_variables_move_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "WHEREFROM_CACHE"):
        monkeypatch.setenv(variable, f"/there/{variable}")
    assert configuration_file() == Path("/there/XDG_CONFIG_HOME/wherefrom/config.toml")
    assert state_folder() == Path("/there/XDG_STATE_HOME/wherefrom")
    assert cache_folder() == Path("/there/WHEREFROM_CACHE")


def test_everybody_asks_the_same() -> None:
    assert user_file() == of_browser() == configuration_file()
    assert state_file().parent == state_folder()
    assert models().parent == cache_folder()
    answers = ServerSettings.of({"base_url": "http://localhost", "cache": True}).cache_file
    assert answers is not None
    assert answers.is_relative_to(cache_folder())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells the folder otherwise")
def test_without_a_home_nothing_is_kept_and_nothing_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a container that runs under a number nobody has: no variable, and no entry of the user."""
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "WHEREFROM_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.chdir(tmp_path)
    assert home_folder() is None
    for place in (configuration_file(), state_folder(), cache_folder()):
        assert place.is_absolute()
        assert not place.exists()
    assert project_file() is None
