"""What the baseline ``"hidden"`` asks of a model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wherefrom.errors import ModelCapabilityError


@runtime_checkable
class HidesPositions(Protocol):
    """Can keep attention from a position. `Row.target_visible` and `Row.source_visible` are obeyed.

    A model without this refuses rows that hide something: it may not answer as if nothing were hidden.
    """

    @property
    def hides_positions(self) -> bool:
        """Always True: having it is the promise."""
        ...


def cannot_hide_all(model_class: str, reason: str) -> ModelCapabilityError:
    """The error of a model that reads hidden tokens where a token sees no other. ``reason``: what shows it."""
    return ModelCapabilityError(
        f"{model_class} cannot hide all that a token sees: {reason}. Keep special tokens (keep_special=True), explain "
        "later steps (attr_pos_start), or take baseline='delete' or a token as baseline."
    )


def cannot_hide(model_class: str, reason: str) -> ModelCapabilityError:
    """The error of a model that reads hidden tokens all the same. ``reason``: what shows it."""
    return ModelCapabilityError(
        f"{model_class} cannot hide tokens: {reason}. Its recurrence, convolution or attention reads them although "
        "they are masked. Take baseline='delete' or a token as baseline."
    )
