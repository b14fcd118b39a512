"""Checks of what a view is asked for, the same in every view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, get_args

import numpy as np
from wherefrom.errors import InputError, SettingsError, nearest
from wherefrom.settings import is_whole

from wherefrom_viz.colours import Theme


def checked_steps(steps: Any, count: int) -> list[int]:
    """Places of chosen outputs, counted from 0.

    Args:
        steps: Whole numbers; negative ones count from the end.
        count: How many outputs there are.

    Raises:
        InputError: There is no such output, or none is chosen.
    """
    listed = isinstance(steps, Sequence | np.ndarray) and not isinstance(steps, str)
    if not listed or not len(steps) or not all(is_whole(step) and -count <= step < count for step in steps):
        shown = list(steps) if listed else steps
        raise InputError(
            f"steps={shown!r}: the outputs of this example are 0 to {count - 1}. Choose some, as a list: steps=[0]."
        )
    return [int(step) % count for step in steps]


def check_top(top: Any) -> None:
    """Refuse a number of inputs that shows none.

    Raises:
        InputError: It is no whole number above 0.
    """
    if not is_whole(top) or top < 1:
        raise InputError(f"top={top!r}: a view shows at least one input. Give a whole number above 0.")


def check_range(low: Any, high: Any) -> None:
    """Refuse ends of a range of colours that are none; None follows the scores.

    Raises:
        InputError: One is no finite number.
    """
    for value in (low, high):
        if value is not None and (not isinstance(value, Real) or not math.isfinite(value)):
            raise InputError(
                f"min_val={low!r}, max_val={high!r}: the ends of a range of colours are finite numbers, or None."
            )


def check_theme(theme: Any) -> None:
    """Refuse a theme that there is not; None is guessed.

    Raises:
        SettingsError: It is none.
    """
    known = get_args(Theme)
    if theme is not None and theme not in known:
        raise SettingsError(f"No theme is called {theme!r}.{nearest(str(theme), known)} There are: {', '.join(known)}.")
