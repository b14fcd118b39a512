"""Errors under inseq's names. They are the library's errors as well, so that either name catches them."""

from __future__ import annotations

from wherefrom.errors import InputError, SettingsError, UnknownNameError
from wherefrom.methods.contract import METHODS


class InseqDeprecationWarning(UserWarning):
    """Something will go."""


class UnknownAttributionMethodError(UnknownNameError):
    """No attribution method has that name."""

    UNKNOWN_ATTRIBUTION_METHOD_MSG = "Unknown attribution method: {attribution_method}.\nAvailable: {available_methods}"

    def __init__(self, method_name: str, msg: str = UNKNOWN_ATTRIBUTION_METHOD_MSG) -> None:
        super().__init__(msg.format(attribution_method=method_name, available_methods=", ".join(METHODS)))


class MissingAttributionMethodError(SettingsError):
    """No attribution method was chosen."""

    MISSING_ATTRIBUTION_METHOD_MSG = (
        "No attribution method is set. Give one to load_model, or to attribute as method=....\n"
        "Available: {available_methods}"
    )

    def __init__(self, msg: str = MISSING_ATTRIBUTION_METHOD_MSG) -> None:
        super().__init__(msg.format(available_methods=", ".join(METHODS)))


class LengthMismatchError(InputError):
    """Inputs and targets are not as many."""


class MissingAlignmentsError(InputError):
    """Alignments are needed and missing."""
