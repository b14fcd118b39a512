"""Jump mode: what can be gone to by letters, and which letters lead there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from attrs import frozen

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


@frozen
class Target:
    """A place of a widget, and what going there does."""

    x: int
    """Column from the widget's left."""
    y: int
    """Line from the widget's top."""
    go: Callable[[], object]


@runtime_checkable
class HasTargets(Protocol):
    """A widget that has places to jump to."""

    def jump_targets(self) -> list[Target]:
        """Those in sight, the upper ones first."""
        ...


def labels(count: int) -> list[str]:
    """So many different labels, each of one letter, or of two where one is not enough."""
    if count <= len(LETTERS):
        return list(LETTERS[:count])
    return ["".join(pair) for pair in itertools.islice(itertools.product(LETTERS, repeat=2), count)]
