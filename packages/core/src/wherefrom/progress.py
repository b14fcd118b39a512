"""How far the work is: the callback that methods report to, and one line of it on a terminal's standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Progress = Callable[[str, int, int], None]
"""Called with (phase, done, total) as work goes on."""

T = TypeVar("T")


def no_progress(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def counted(items: Iterable[T], phase: str, total: int, progress: Progress) -> Iterator[T]:
    """Hand items through, reporting each."""
    for done, item in enumerate(items, start=1):
        yield item
        progress(phase, done, total)


@contextmanager
def terminal_progress(wanted: bool) -> Iterator[Progress]:
    """A callback that keeps one line up to date while the block runs, and clears it at the end.

    Where standard error is no terminal, or nothing is wanted, the callback does nothing.
    """
    if not wanted or not sys.stderr.isatty():
        yield no_progress
        return

    def show(phase: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r\x1b[2K{phase} {done}/{total}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()
