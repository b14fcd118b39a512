"""One line on stderr about work that takes a while: phase, how far, elapsed, how long yet.

On a terminal the line is rewritten in place; elsewhere a plain line is written every 30 seconds; with ``--quiet``
nothing is.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from attrs import define, field

from wherefrom_cli.console import Console

_REDRAW_SECONDS = 0.1
_PLAIN_SECONDS = 30.0


@define(kw_only=True)
class ProgressLine:
    """Draws progress until it is left; call it with (phase, done, total).

    Args:
        overall: What the outer counter counts ("examples"); `advance` moves it. Without it the phases' own counts
            are shown.
    """

    console: Console
    overall: str | None = None
    total: int | None = None
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    failed: int = 0
    tokens: int = 0
    _phase: str = "start"
    _phase_done: int = 0
    _phase_total: int = 0
    _started: float = field(init=False)
    _drawn: float = field(init=False)
    _width: int = 0
    _begun_at: int = 0

    def __attrs_post_init__(self) -> None:
        self._started = self._drawn = self.clock()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Note how far a phase is; drawn now and then."""
        self._phase, self._phase_done, self._phase_total = phase, done, total
        self._draw()

    def begin(self, total: int | None, already_done: int = 0) -> None:
        """Set the outer counter; what was done before does not count for the speed."""
        self.total, self.done, self._begun_at = total, already_done, already_done
        self._started = self.clock()

    def advance(self, examples: int, *, failed: int = 0, tokens: int = 0) -> None:
        """Count finished examples."""
        self.done += examples
        self.failed += failed
        self.tokens += tokens
        self._draw()

    def text(self) -> str:
        """The line as it stands."""
        elapsed = self.clock() - self._started
        parts = []
        if self.overall is not None:
            of = f"/{self.total}" if self.total is not None else ""
            parts.append(f"{self.done}{of} {self.overall}")
            if self.failed:
                parts.append(f"{self.failed} failed")
        parts.append(self._phase + (f" {self._phase_done}/{self._phase_total}" if self._phase_total > 1 else ""))
        if self.tokens and elapsed > 0:
            parts.append(f"{self.tokens / elapsed:.0f} tokens/s")
        parts.append(duration(elapsed))
        if (left := self._seconds_left(elapsed)) is not None:
            parts.append(f"{duration(left)} left")
        return " · ".join(parts)

    def clear(self) -> None:
        """Remove the line from the terminal."""
        if self._width:
            self.console.stderr.write("\r" + " " * self._width + "\r")
            self.console.stderr.flush()
            self._width = 0

    def _seconds_left(self, elapsed: float) -> float | None:
        worked = self.done - self._begun_at
        if self.total is None or worked <= 0 or elapsed < 1:
            return None
        return elapsed / worked * (self.total - self.done)

    def _draw(self) -> None:
        now = self.clock()
        if self.console.quiet or now - self._drawn < (_REDRAW_SECONDS if self.console.interactive else _PLAIN_SECONDS):
            return
        self._drawn = now
        if not self.console.interactive:
            self.console.stderr.write(self.text() + "\n")
            self.console.stderr.flush()
            return
        room = shutil.get_terminal_size().columns - 1
        text = self.text()[:room]
        self.console.stderr.write("\r" + text + " " * max(0, self._width - len(text)))
        self.console.stderr.flush()
        self._width = len(text)


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextlib.contextmanager
def loading(console: Console, name: str) -> Iterator[None]:
    """Say that a model is being loaded, on a terminal only."""
    line = f"Loading {name} ..."
    if console.interactive:
        console.stderr.write(line)
        console.stderr.flush()
    try:
        yield
    finally:
        if console.interactive:
            console.stderr.write("\r" + " " * len(line) + "\r")
            console.stderr.flush()
