"""Lines drawn with the dots of braille characters: two by four of them in each column of the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from wherefrom_viz.describe.numbers import short

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
FIRST = 0x2800
UPPER = 0x01 | 0x08 | 0x02 | 0x10
"""The dots of a character's upper half."""


@frozen(kw_only=True)
class Plot:
    """One line over an axis from left to right."""

    rows: tuple[str, ...]
    """The highest values first."""
    lowest: str
    """The lowest value; empty where none is finite."""
    lowest_row: int
    """The row in which it is drawn."""


def plots(lines: Sequence[Sequence[float]], width: int, height: int) -> list[Plot]:
    """A plot for each of several lines, all on one scale.

    Args:
        lines: Values at even distances; values that are not finite are left out.
        width: Columns of text.
        height: Rows of text.
    """
    known = [value for line in lines for value in line if np.isfinite(value)]
    return [_plot(line, width, height, min(known, default=0.0), max(known, default=0.0)) for line in lines]


def _plot(line: Sequence[float], width: int, height: int, low: float, high: float) -> Plot:
    dots = np.zeros((4 * height, 2 * width), dtype=bool)
    _draw(dots, np.asarray(line, dtype=np.float64), low, high)
    return Plot(
        rows=tuple("".join(_character(dots, row, column) for column in range(width)) for row in range(height)),
        lowest=short(min(finite)) if (finite := [value for value in line if np.isfinite(value)]) else "",
        lowest_row=int(np.flatnonzero(dots.any(axis=1)).max(initial=0)) // 4,
    )


def _draw(dots: np.ndarray, line: np.ndarray, low: float, high: float) -> None:
    rows, columns = dots.shape
    if not len(line):
        return
    places = np.linspace(0, len(line) - 1, columns)
    values = np.interp(places, np.arange(len(line)), line)
    spread = high - low
    levels = np.zeros(columns) if spread <= 0 else (values - low) / spread * (rows - 1)
    before = None
    for column, level in enumerate(levels):
        if not np.isfinite(level):
            before = None
            continue
        row = rows - 1 - round(float(level))
        first, last = sorted((row, row if before is None else before))
        dots[first : last + 1, column] = True
        before = row


def _character(dots: np.ndarray, row: int, column: int) -> str:
    cell = dots[4 * row : 4 * row + 4, 2 * column : 2 * column + 2]
    return chr(FIRST + int(_DOTS[cell].sum())) if cell.any() else " "
