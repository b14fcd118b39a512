"""How many samples: a setting that is a number or ``"auto"``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from attrs import Attribute

from wherefrom.errors import SettingsError


def as_samples(value: object) -> int | Literal["auto"]:
    """A number of samples, or ``"auto"``.

    Raises:
        SettingsError: It is neither.
    """
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise SettingsError(f"n_samples = {value!r} is neither a whole number nor 'auto'.")
    return int(value)


def at_least(least: float, *, auto: bool = True) -> Callable[[object, Attribute[Any], float | str], None]:
    """A validator of settings that count or measure samples.

    Args:
        auto: May the setting be ``"auto"``?
    """

    def check(_: object, attribute: Attribute[Any], value: float | str) -> None:
        if not isinstance(value, str) and value < least:
            or_auto = " or 'auto'" if auto else ""
            raise SettingsError(f"{attribute.name} must be at least {least:g}{or_auto}, not {value}.")

    return check
