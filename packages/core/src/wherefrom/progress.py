"""One line about how far the work is, on a terminal's standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wherefrom.methods.contract import Progress, no_progress


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
