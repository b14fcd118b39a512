"""What the baseline ``"hidden"`` asks of a model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class HidesPositions(Protocol):
    """Can keep attention from a position. `Row.target_visible` and `Row.source_visible` are obeyed.

    A model without this refuses rows that hide something: it may not answer as if nothing were hidden.
    """

    @property
    def hides_positions(self) -> bool:
        """Always True: having it is the promise."""
        ...
