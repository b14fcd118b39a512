"""The progress line: what it says, when, and where not."""

from __future__ import annotations

import io
import time

import pytest
from wherefrom_cli.console import Console
from wherefrom_cli.progress import ProgressLine, loading
from wherefrom_viz.console.progress import duration

ERASED = "\x1b[2K"
"""What a terminal understands as: forget this line."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def line(stderr: io.StringIO, clock: Clock, *, quiet: bool = False) -> ProgressLine:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=stderr, quiet=quiet)
    return ProgressLine(console=console, overall="examples", clock=clock)


def test_text_counts_and_speed() -> None:
    clock = Clock()
    progress = line(io.StringIO(), clock)
    progress.begin(10, already_done=4)
    clock.now = 30.0
    progress.advance(2, failed=1, tokens=60)
    progress("attribute", 3, 8)
    assert progress.text() == "6/10 examples · 1 failed · attribute 3/8 · 2 tokens/s"


def test_what_was_done_before_counts_for_no_speed() -> None:
    """Two of six took 30 seconds, so the other four take a minute."""
    stderr, clock = io.StringIO(), Clock()
    progress = line(stderr, clock)
    progress.begin(10, already_done=4)
    clock.now = 30.0
    progress.advance(2)
    assert stderr.getvalue() == "6/10 examples · start · 30 s · 1 min 0 s left\n"


def test_terminal_line_is_rewritten_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stderr, clock = Terminal(), Clock()
    with line(stderr, clock) as progress:
        clock.now = 1.0
        progress("generate", 1, 2)
        clock.now = 2.0
        progress("generate", 2, 2)
        drawn = stderr.getvalue()
        assert "0 examples · generate 1/2" in drawn
        assert "0 examples · generate 2/2" in drawn
        assert "\n" not in drawn
    assert stderr.getvalue().endswith(ERASED)


class AsciiTerminal(Terminal):
    encoding = "ascii"  # type: ignore[assignment]


@pytest.mark.parametrize("width", [30, 40, 100])
@pytest.mark.parametrize("terminal", [True, False])
def test_an_output_without_unicode_is_given_none(monkeypatch: pytest.MonkeyPatch, width: int, terminal: bool) -> None:
    monkeypatch.setenv("TERM", "xterm" if terminal else "dumb")
    monkeypatch.setenv("COLUMNS", str(width))
    stderr, clock = AsciiTerminal(), Clock()
    with line(stderr, clock) as progress:
        progress.begin(10)
        for clock.now in (31.0, 62.0):
            progress.advance(2, failed=1, tokens=60)
            progress("attributing é", 3, 8)
    assert "2/10 examples . " in stderr.getvalue() or width < 100
    assert stderr.getvalue().isascii()


def test_the_clock_goes_on_while_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stderr, clock = Terminal(), Clock()
    with line(stderr, clock) as progress:
        progress("loading demo:lm", 0, 1)
        clock.now = 77.0
        deadline = time.monotonic() + 20
        while "1 min 17 s" not in stderr.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "0 examples · loading demo:lm \x1b[2m1 min 17 s" in stderr.getvalue()


def test_a_model_that_loads_is_named_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for stderr, shown in ((Terminal(), True), (io.StringIO(), False)):
        with loading(Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=stderr), "demo:lm"):
            assert ("Loading demo:lm" in stderr.getvalue()) is shown
        assert stderr.getvalue().endswith(ERASED if shown else "")


def test_pipe_gets_a_plain_line_every_half_minute() -> None:
    stderr, clock = io.StringIO(), Clock()
    with line(stderr, clock) as progress:
        for clock.now in (1.0, 29.0, 31.0, 45.0, 62.0):
            progress("attribute", 1, 2)
    assert stderr.getvalue().count("\n") == 2
    assert "\r" not in stderr.getvalue()


def test_quiet_says_nothing() -> None:
    stderr, clock = Terminal(), Clock()
    with line(stderr, clock, quiet=True) as progress:
        clock.now = 100.0
        progress("attribute", 1, 2)
    assert stderr.getvalue() == ""


@pytest.mark.parametrize("seconds, said", [(4.4, "4 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said
