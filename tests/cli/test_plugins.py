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


@pytest.mark.parametrize("command", [("list", "step-functions"), ("explain", "twice_the_logit")], ids=" ".join)
def test_what_a_plugin_registers_is_listed_and_explained(
    wherefrom: Callable[..., Any], script: Path, command: tuple[str, ...]
) -> None:
    ran = wherefrom(*command, "--plugin", script)
    assert ran.code == 0, ran.err
    assert "twice_the_logit" in ran.out
