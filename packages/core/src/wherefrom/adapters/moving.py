"""What can be sent to another device."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Moves(Protocol):
    """Can be moved between devices."""

    def to(self, device: str) -> None:
        """Move the model; its card says where it is."""
        ...
