"""What can look through its own weights."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class FindsBadWeights(Protocol):
    """Can look through its own weights."""

    def bad_weights(self) -> tuple[str, ...]:
        """Names of the weights that hold NaN or infinity, in the model's order."""
        ...
