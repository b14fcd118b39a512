"""The real program in a real terminal, from opening a run to quitting."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wherefrom.files import RunWriter
from wherefrom.results.attribution import Attribution, Attributions

from tests.viz.browser.conftest import two_methods

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

PAUSE = 0.3
"""Seconds between keys."""
PATIENCE = 120.0
"""Seconds to wait for a screen on a machine that is busy with other things."""


class Tmux:
    """One terminal of its own server."""

    def __init__(self, folder: Path, width: int = 100, height: int = 30) -> None:
        self.name = f"wherefrom-{uuid.uuid4().hex[:8]}"
        environment = {**os.environ, "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        environment.pop("TMUX", None)
        self.environment = environment
        self.run("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(folder), "sh")

    def run(self, *arguments: str) -> str:
        command = ["tmux", "-L", self.name, "-f", "/dev/null", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys one by one, as a hand does: what a key opens is there before the next."""
        for key in keys:
            self.run("send-keys", key)
            time.sleep(PAUSE)

    def until(self, *words: str, seconds: float = PATIENCE) -> str:
        """The screen once it shows the words."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.run("capture-pane", "-p")
            if all(word in screen for word in words):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{words!r} did not appear on:\n{screen}")

    def close(self) -> None:
        self.run("kill-server")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    made = Tmux(tmp_path)
    yield made
    made.close()


def test_open_filter_sort_detail_granularity_compare_export_quit(
    terminal: Tmux, write_run: Callable[..., Path], tmp_path: Path
) -> None:
    write_run(40, "run")
    two_methods().save(tmp_path / "two.json")
    terminal.type(f"{sys.executable} -m wherefrom_cli view run two.json; echo left with $?\n")
    terminal.until("run + two.json", "42 examples", "case-0")
    terminal.press("f")
    terminal.until("input~/regex/")
    terminal.type("id:case-1 steps=2")
    terminal.until("11 of 42")
    terminal.press("Enter")
    terminal.press("s")
    terminal.until("id▲")
    terminal.press("S")
    terminal.until("id▼")
    terminal.press("Home")
    terminal.press("Enter")
    terminal.until("case-19", "PROMPT", "tokens ·")
    terminal.press("g")
    terminal.until("words · ")
    terminal.press("2")
    terminal.until("OUTPUT SO FAR")
    terminal.press("BSpace")
    terminal.until("11 of 42")
    terminal.press("Escape")
    terminal.until("two.json  42 examples")
    terminal.press("f")
    terminal.until("input~/regex/")
    terminal.type("id:hospital")
    terminal.until("2 of 42")
    terminal.press("Enter")
    terminal.press("Home", "Space", "x")
    terminal.until("integrated_gradients ↔ occlusion", "mean rank agreement")
    terminal.press("Escape")
    terminal.until("2 of 42")
    terminal.press("*", "e")
    terminal.until("Export")
    terminal.press("C-a", "C-k")
    terminal.type("both.jsonl")
    terminal.until("both.jsonl")
    terminal.press("Enter")
    terminal.until("2 examples → both.jsonl")
    terminal.press("C-q")
    terminal.until("left with 0")
    assert Attributions.load(tmp_path / "both.jsonl") == two_methods()


def test_keys_that_arrive_together_and_a_run_that_grows_and_goes(
    terminal: Tmux, write_run: Callable[..., Path], make: Callable[..., Attribution], tmp_path: Path
) -> None:
    folder = write_run(40, "run", total=42)
    terminal.type(f"{sys.executable} -m wherefrom_cli view run; echo left with $?\n")
    terminal.until("40 examples", "growing: 40 of 42")
    terminal.run("send-keys", "/w17", "Enter")
    terminal.until("1 of 40 examples", "case-17")
    terminal.run("send-keys", "f", "minprob<2 share(context)>0 id:case-2", "Enter", "s", "S")
    terminal.until("11 of 40 examples", "id▼")
    terminal.press("Escape")
    with RunWriter(folder, batch=1) as writer:
        writer.append(make(["One", " two", " late"], 2, id="late").replace(annotations={"tags": ["new"]}))
    with next(folder.glob("part-00001-*.jsonl")).open("ab") as part:
        part.write(b'{"half": ')
    terminal.until("41 examples", "cut off")
    terminal.run("send-keys", "ftag:new", "Enter", "Enter")
    terminal.until("late", "PROMPT", "probability")
    terminal.press("Escape")
    shutil.rmtree(folder)
    terminal.until("run is gone")
    terminal.press("C-q")
    terminal.until("left with 0")
