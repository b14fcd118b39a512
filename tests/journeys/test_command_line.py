"""The real executable, as a shell calls it: pipes, no colours, narrow and dumb terminals, closed stdin.

Each start imports torch, which takes seconds, so there are few of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WHEREFROM = Path(sys.executable).parent / ("wherefrom.exe" if os.name == "nt" else "wherefrom")
TEXT = "George was sick yesterday. His colleagues asked him to come"


def run(*arguments: str, folder: Path, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith("WHEREFROM_") and k not in ("NO_COLOR", "FORCE_COLOR")
    }
    return subprocess.run(
        [str(WHEREFROM), *arguments],
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**clean, "XDG_CONFIG_HOME": str(folder / "none"), **environment},
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journey")


@pytest.fixture(scope="module")
def piped(folder: Path) -> subprocess.CompletedProcess[str]:
    """Text in through a pipe, JSON out through one."""
    return run(
        "attribute", "-m", "demo:lm", "-i", "-", "--max-new-tokens", "6", "--json", folder=folder, text=TEXT + "\n"
    )


def test_a_pipe_gets_one_json_document_and_stderr_nothing(piped: subprocess.CompletedProcess[str]) -> None:
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout)["format"] == "wherefrom"
    assert piped.stderr == ""


def test_what_was_piped_can_be_shown_in_forty_columns_without_colour(
    piped: subprocess.CompletedProcess[str], folder: Path
) -> None:
    (folder / "out.json").write_text(piped.stdout)
    ran = run("show", "out.json", folder=folder, COLUMNS="40", NO_COLOR="1")
    assert ran.returncode == 0
    assert "hospital" in ran.stdout
    assert "\x1b" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 40


def test_dumb_terminal_and_forced_colour(piped: subprocess.CompletedProcess[str], folder: Path) -> None:
    (folder / "out.json").write_text(piped.stdout)
    assert "\x1b" not in run("show", "out.json", folder=folder, TERM="dumb").stdout
    assert "\x1b" in run("show", "out.json", "--color", "always", folder=folder).stdout


def test_a_reader_that_stops_is_no_error(piped: subprocess.CompletedProcess[str], folder: Path) -> None:
    (folder / "out.json").write_text(piped.stdout)
    line = f"'{WHEREFROM}' export out.json -o - --to csv | head -1"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=folder)
    assert ran.stdout.startswith("example,")
    assert ran.stderr == ""


def test_closed_stdin_is_a_mistake_in_words(folder: Path) -> None:
    line = f"'{WHEREFROM}' attribute -m demo:lm -i - <&-"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 2
    assert "closed" in ran.stderr or "no text" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_mistake_exits_with_two_and_says_so_in_three_lines(folder: Path) -> None:
    ran = run("attribute", "-m", "demo:lm", "-a", "salience", "-i", "x", folder=folder)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) <= 3


def test_the_first_command_of_the_readme_explains_a_sentence(folder: Path) -> None:
    ran = run("attribute", folder=folder, COLUMNS="80")
    assert ran.returncode == 0
    assert "hospital" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80
