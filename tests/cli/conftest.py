"""A result that was computed once, and a way to run commands in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from wherefrom_cli.main import main

from tests.registered import nothing_stays


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """What a plugin of a command defined is taken out again."""
    with nothing_stays():
        yield


@pytest.fixture
def wherefrom(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Ran]:
    """Run ``wherefrom ARGS`` here, with no configuration but what a test writes."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two attributions of the demo model by saliency."""
    path = tmp_path_factory.mktemp("saved") / "saliency.json"
    arguments = [
        "attribute",
        "-m",
        "demo:lm",
        "-a",
        "saliency",
        "--max-new-tokens",
        "4",
        "--step-scores",
        "probability",
        "--hide",
        "-q",
    ]
    code = main([*arguments, "-i", "George was sick yesterday.", "Mary was hungry.", "-o", str(path)])
    assert code == 0
    return path
