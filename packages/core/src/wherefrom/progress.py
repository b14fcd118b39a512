"""How far the work is: the callback that methods report to. Who draws it is found by name.

The package ``wherefrom-viz`` brings ``terminal``, through the entry-point group ``wherefrom.progress``.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from wherefrom._registry import Registry

Progress = Callable[[str, int, int], None]
"""Called with (phase, done, total) as work goes on."""

DISPLAYS: Registry[Callable[[], AbstractContextManager[Progress]]] = Registry(
    "display of progress", group="wherefrom.progress"
)
"""What draws progress while a block runs, and removes it at the end."""

PARTS = frozenset({"ablation", "measures", "points", "probes", "samples", "tokens"})
"""Phases that count parts of the work on one question, whatever their total; others count questions."""

T = TypeVar("T")


def no_progress(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def counted(items: Iterable[T], phase: str, total: int, progress: Progress) -> Iterator[T]:
    """Hand items through, reporting each."""
    done = itertools.count(1)
    for item in items:
        yield item
        del item  # it may be large, and the next one is about to be made
        progress(phase, next(done), total)


def each_told(phase: str, total: int, progress: Progress) -> Callable[[], None]:
    """What is called after each of ``total`` parts of the work on one question: a pass, a point of a path, a copy."""
    done = itertools.count(1)
    return lambda: progress(phase, next(done), total)


def reported(show_progress: bool, progress: Progress | None) -> AbstractContextManager[Progress]:
    """Whom a block of work reports to: ``progress`` if it is given, else a line on the terminal if it is wanted."""
    return terminal_progress(show_progress) if progress is None else nullcontext(progress)


def terminal_progress(wanted: bool) -> AbstractContextManager[Progress]:
    """A callback that keeps one line up to date while the block runs, and clears it at the end.

    Where standard error is no terminal, nothing is wanted or nothing is installed that draws, it does nothing.
    """
    if not wanted or not sys.stderr.isatty() or "terminal" not in DISPLAYS:
        return nullcontext(no_progress)
    return DISPLAYS.get("terminal")()
