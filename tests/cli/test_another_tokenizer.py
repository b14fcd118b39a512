"""A checkpoint without its tokenizer: ``--tokenizer`` names another, and what is made of it says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom import load
from wherefrom_cli.request import ModelRequest
from wherefrom_hf.demo import demo_path

TEXT = ("-i", "George was sick yesterday.", "-g", "George was sick yesterday. His friends")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """What a trainer leaves: weights and configuration."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(demo_path("lm"), folder, ignore=shutil.ignore_patterns("*token*", "*vocab*", "*.jinja"))
    return folder


def scores(path: Path) -> Any:
    return load(path)[0].target_attributions


def test_without_it_the_message_names_it(wherefrom: Callable[..., Any], checkpoint: Path) -> None:
    ran = wherefrom("attribute", "-m", checkpoint, *TEXT)
    assert ran.code != 0
    assert "--tokenizer" in ran.err


def test_it_is_used_recorded_and_asked_again(wherefrom: Callable[..., Any], checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    given = ("-m", checkpoint, "--tokenizer", demo_path("lm"))
    assert wherefrom("attribute", *given, "-a", "occlusion", *TEXT, "-o", out).code == 0
    assert wherefrom("attribute", "-m", "demo:lm", "-a", "occlusion", *TEXT, "-o", tmp_path / "own.json").code == 0
    np.testing.assert_array_equal(scores(out), scores(tmp_path / "own.json"))
    again = wherefrom("info", out, "--as-config")
    assert f"tokenizer = {json.dumps(str(demo_path('lm')))}" in again.out
    measured = wherefrom("evaluate", out, "--metrics", "abpc", "--removals", "delete")
    assert measured.code == 0, measured.err


def test_a_run_is_not_gone_on_with_another_one(checkpoint: Path) -> None:
    own, other = (ModelRequest(name=str(checkpoint), tokenizer=one).identity() for one in (None, str(demo_path("lm"))))
    assert own != other
