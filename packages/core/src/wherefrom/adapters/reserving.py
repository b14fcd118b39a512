"""What can be kept for one caller at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Reserves(Protocol):
    """Can be kept for one caller at a time."""

    def reserved(self) -> AbstractContextManager[None]:
        """Within the block no other thread runs the model, and it is as scores are defined (in evaluation mode).

        Blocks may be nested. What the block changed about the model is put back on leaving.
        """
        ...
