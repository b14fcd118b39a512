"""How many samples: a setting that is a number or ``"auto"``."""

from __future__ import annotations

from typing import Literal

import numpy as np

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
