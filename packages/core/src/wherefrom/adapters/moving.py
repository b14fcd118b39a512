"""What can be sent to another device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from wherefrom.adapters.sequence_model import SequenceModel
from wherefrom.errors import ModelCapabilityError


@runtime_checkable
class Moves(Protocol):
    """Can be moved between devices."""

    def to(self, device: str) -> None:
        """Move the model; its card says where it is."""
        ...


@contextmanager
def moved(model: SequenceModel, device: str | None) -> Iterator[None]:
    """The model on ``device`` for the time of a call; None: where it is.

    Raises:
        ModelCapabilityError: It cannot be moved.
    """
    if device is None:
        yield
        return
    if not isinstance(model, Moves):
        raise ModelCapabilityError(f"{model.card.name} cannot be moved to {device!r}; leave device out.")
    before = model.card.device
    model.to(device)
    try:
        yield
    finally:
        model.to(before)
