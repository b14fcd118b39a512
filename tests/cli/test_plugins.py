"""A user's own step function on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.step_functions.base import STEP_FUNCTIONS

SCRIPT = """
import wherefrom

@wherefrom.register_step_function("twice_the_logit", aggregate_map={"spans": "sum"}, overwrite=True)
def twice_the_logit(prediction, factor: float = 2.0):
    return factor * prediction.at_target(prediction.logits)
"""
TEXT = ["-m", "demo:lm", "-i", "George was sick", "-g", "George was sick yesterday"]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "my_scores.py"
    path.write_text(SCRIPT, encoding="utf-8")
    yield path
    STEP_FUNCTIONS._entries.pop("twice_the_logit", None)


def test_a_function_of_ones_own_is_score_and_target(wherefrom: Callable[..., Any], script: Path) -> None:
    ran = wherefrom(
        "attribute", *TEXT, "--plugin", script, "-fn", "twice_the_logit", "--step-scores", "twice_the_logit", "logit",
        "-o", "out.json", "-q",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    import wherefrom as library

    (one,) = library.load("out.json")
    np.testing.assert_allclose(one.step_scores["twice_the_logit"], 2 * one.step_scores["logit"], rtol=1e-6)
    plain = wherefrom("attribute", *TEXT, "-fn", "logit", "-o", "plain.json", "-q")
    assert plain.code == 0, plain.err
    (other,) = library.load("plain.json")
    np.testing.assert_allclose(one.target_attributions, 2 * other.target_attributions, rtol=1e-4, atol=1e-6)


def test_its_settings_are_checked(wherefrom: Callable[..., Any], script: Path) -> None:
    ran = wherefrom("attribute", *TEXT, "--plugin", script, "-fn", "twice_the_logit", "--set", "facter=3", "--json")
    assert ran.code == 2
    assert "factor" in ran.err
    ran = wherefrom("attribute", *TEXT, "--plugin", script, "-fn", "twice_the_logit", "--set", "factor=3.0", "--json")
    assert json.loads(ran.out)["provenance"]["attributed_fn"] == {
        "name": "twice_the_logit",
        "settings": {"factor": 3.0},
    }


@pytest.mark.parametrize("name, words", [("no_such_module", "was not found"), ("gone.py", "is no file")])
def test_a_missing_plugin_is_said_in_words(wherefrom: Callable[..., Any], name: str, words: str) -> None:
    ran = wherefrom("attribute", *TEXT, "--plugin", name)
    assert ran.code == 2
    assert words in ran.err


def test_a_broken_plugin_is_said_in_words(wherefrom: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    ran = wherefrom("attribute", *TEXT, "--plugin", tmp_path / "broken.py")
    assert ran.code == 2
    assert "ZeroDivisionError" in ran.err


@pytest.mark.parametrize("name", ["needy.py", "needy_package"])
def test_a_plugin_that_imports_what_is_not_there_was_found(
    wherefrom: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "needy.py").write_text("import helpers_of_mine", encoding="utf-8")
    (tmp_path / "needy_package").mkdir()
    (tmp_path / "needy_package" / "__init__.py").write_text("from needy_package import part", encoding="utf-8")
    (tmp_path / "needy_package" / "part.py").write_text("import helpers_of_mine", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    ran = wherefrom("attribute", *TEXT, "--plugin", name)
    assert ran.code == 2
    assert f"The plugin '{name}' imports what is not there: No module named 'helpers_of_mine'" in ran.err
    assert "PYTHONPATH" in ran.err
    assert "not found" not in ran.err


def test_a_module_within_a_package_that_is_not_there_was_not_found(wherefrom: Callable[..., Any]) -> None:
    for name in ("nobodys_package.part", "json.nothing"):
        assert f"The plugin '{name}' was not found" in wherefrom("attribute", *TEXT, "--plugin", name).err


@pytest.mark.parametrize(
    "command", [("explain", "twice_the_logit"), ("list", "step-functions")], ids=["explain", "list"]
)
@pytest.mark.parametrize("way", ["option", "variable"])
def test_names_of_a_plugin_are_listed_and_explained(
    wherefrom: Callable[..., Any], script: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], way: str
) -> None:
    assert "twice_the_logit" not in wherefrom(*command).out
    if way == "variable":
        monkeypatch.setenv("WHEREFROM_PLUGIN", str(script))
    ran = wherefrom(*command, *(["--plugin", script] if way == "option" else []))
    assert ran.code == 0, ran.err
    assert "twice_the_logit" in ran.out


def test_a_configuration_says_that_a_plugin_is_missing(wherefrom: Callable[..., Any], script: Path) -> None:
    ran = wherefrom("attribute", *TEXT, "--plugin", script, "-fn", "twice_the_logit", "-o", "out.json", "-q")
    assert ran.code == 0, ran.err
    assert "plugin" not in wherefrom("info", "out.json", "--as-config").out  # it is registered in this process
    STEP_FUNCTIONS._entries.pop("twice_the_logit")
    assert (
        "# Name the module that registers twice_the_logit too: --plugin MODULE."
        in wherefrom("info", "out.json", "--as-config").out
    )
