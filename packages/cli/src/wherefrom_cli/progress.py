"""One line on stderr about work that takes a while: phase, how far, elapsed, how long yet.

On a terminal Rich keeps the line (`wherefrom_viz.console.progress`); elsewhere a plain line is written every 30
seconds; with ``--quiet`` nothing is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from attrs import define, field
from rich.progress import Progress, TaskID
from rich.text import Text
from wherefrom_viz.console.plain import marked
from wherefrom_viz.console.progress import REDRAW_SECONDS, duration, progress_line, seconds_left

from wherefrom_cli.console import Console

PLAIN_SECONDS = 30.0


@define(kw_only=True)
class ProgressLine:
    """Draws progress until it is left; call it with (phase, done, total).

    Args:
        overall: What the outer counter counts ("examples"); `advance` moves it. Without it the phases' own counts
            are shown.
    """

    console: Console
    overall: str | None = None
    clock: Callable[[], float] = time.monotonic
    failed: int = 0
    tokens: int = 0
    _phase: str = "start"
    _line: Progress = field(init=False)
    _task: TaskID = field(init=False)
    _drawn: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._drawn = self.clock()
        self._line = progress_line(
            self.console.stderr,
            shown=self.console.interactive,
            color=self.console.color != "never",
            clock=self.clock,
        )
        self._task = self._line.add_task(self.text(), total=None)

    def __enter__(self) -> ProgressLine:
        self._line.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.stop()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Note how far a phase is; drawn now and then, a new phase at once."""
        new = not self._phase.startswith(phase)
        self._phase = phase + (f" {done}/{total}" if total > 1 else "")
        if self.overall is None:
            self._line.update(self._task, completed=done, total=total)
        if new and self.console.interactive:
            self._line.update(self._task, description=self.text())
        self._draw()

    def begin(self, total: int | None, already_done: int = 0) -> None:
        """Set the outer counter; what was done before does not count for the speed."""
        self._line.reset(self._task, total=total, completed=already_done, begun_at=already_done)

    def advance(self, examples: int, *, failed: int = 0, tokens: int = 0) -> None:
        """Count finished examples."""
        self._line.advance(self._task, examples)
        self.failed += failed
        self.tokens += tokens
        self._draw()

    def text(self) -> str:
        """The counts as they stand."""
        parts = []
        if self.overall is not None and self._line.tasks:
            task = self._line.tasks[0]
            of = f"/{task.total:g}" if task.total is not None else ""
            parts.append(f"{task.completed:g}{of} {self.overall}")
            if self.failed:
                parts.append(f"{self.failed} failed")
        parts.append(self._phase)
        if self.tokens and (elapsed := self._line.tasks[0].elapsed):
            parts.append(f"{self.tokens / elapsed:.0f} tokens/s")
        return " · ".join(parts)

    def _draw(self) -> None:
        now = self.clock()
        pause = REDRAW_SECONDS if self.console.interactive else PLAIN_SECONDS
        if self.console.quiet or now - self._drawn < pause:
            return
        self._drawn = now
        self._line.update(self._task, description=self.text())
        if self.console.interactive:
            self._line.refresh()
            return
        task = self._line.tasks[0]
        parts = [self.text(), duration(task.elapsed or 0.0)]
        if (left := seconds_left(task)) is not None:
            parts.append(f"{duration(left)} left")
        said = marked(Text(" · ".join(parts)), self._line.console.options)
        self.console.stderr.write(f"{said.plain}\n")
        self.console.stderr.flush()


@contextlib.contextmanager
def loading(console: Console, name: str) -> Iterator[None]:
    """Say that a model is being loaded, on a terminal only."""
    with progress_line(console.stderr, shown=console.interactive, color=console.color != "never") as line:
        line.add_task(f"Loading {name} ...", total=None)
        line.refresh()
        yield
