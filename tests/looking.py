"""A hook that looks and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Looks:
    """Tells what passes a part of a model, and says that it does not mind how sequences are run."""

    takes_pieces = True

    def __init__(self, tell: Callable[..., object]) -> None:
        self._tell = tell

    def __call__(self, *given: Any) -> None:
        self._tell(*given)
