"""One line about work that takes a while, kept up to date on a terminal and removed at the end. Rich draws it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, ConsoleOptions, OverflowMethod
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from wherefrom_viz.console.plain import marked

REDRAW_SECONDS = 0.1


class Durations(ProgressColumn):
    """How long it took and how long yet: ``30 s, 1 min 0 s left``; the speed is that since the beginning."""

    def render(self, task: Task) -> Text:
        """The cell."""
        parts = [duration(task.elapsed or 0.0)]
        if (left := seconds_left(task)) is not None:
            parts.append(f"{duration(left)} left")
        return Text(", ".join(parts), style="dim", no_wrap=True)


class Described(ProgressColumn):
    """The task's description, in letters that the output has."""

    def __init__(self, options: ConsoleOptions, cut: OverflowMethod) -> None:
        super().__init__(table_column=Column(no_wrap=True, overflow=cut))
        self._options = options
        self._cut: OverflowMethod = cut

    def render(self, task: Task) -> Text:
        """The cell."""
        return Text(marked(Text(task.description), self._options).plain, no_wrap=True, overflow=self._cut)


def progress_line(
    stream: TextIO, *, shown: bool = True, color: bool = True, clock: Callable[[], float] = time.monotonic
) -> Progress:
    """Rich's display with our columns: a bar, the task's description, durations.

    It redraws when it is told to, and twice a second besides: the clock goes on while one long step tells nothing.

    Args:
        stream: Where it is drawn, a terminal.
        shown: False keeps the counts and draws nothing.
    """
    console = Console(file=stream, highlight=False, no_color=not color or None)
    cut: OverflowMethod = "crop" if console.options.ascii_only else "ellipsis"
    return Progress(
        BarColumn(bar_width=20, table_column=Column(no_wrap=True)),
        Described(console.options, cut),
        Durations(table_column=Column(no_wrap=True, overflow=cut)),
        console=console,
        auto_refresh=shown,
        refresh_per_second=2,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        get_time=clock,
        disable=not shown,
    )


@contextmanager
def terminal_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A callback that draws (phase, done, total) on standard error while the block runs."""
    drawn = -REDRAW_SECONDS
    with progress_line(sys.stderr) as line:
        task = line.add_task("", total=None)

        def show(phase: str, done: int, total: int) -> None:
            nonlocal drawn
            line.update(task, description=f"{phase} {done}/{total}", completed=done, total=total)
            if (now := time.monotonic()) - drawn >= REDRAW_SECONDS:
                drawn = now
                line.refresh()

        yield show


def seconds_left(task: Task) -> float | None:
    """What the rest takes at the speed so far; None before there is one.

    The field ``begun_at`` of the task is what was done before it began, and counts for no speed.
    """
    worked = task.completed - task.fields.get("begun_at", 0)
    elapsed = task.elapsed
    if task.total is None or elapsed is None or elapsed < 1 or worked <= 0:
        return None
    return float(elapsed / worked * (task.total - task.completed))


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
