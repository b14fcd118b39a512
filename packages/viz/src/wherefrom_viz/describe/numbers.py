"""Scores as short numbers that line up: one power of ten for the whole view, never a cut digit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

_COUNTED = 2.0**53
"""Below this a whole number is one that was counted: beyond it there are no others."""
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@frozen
class NumberStyle:
    """How one view writes its scores."""

    exponent: int
    """Numbers are divided by ten to this power."""
    decimals: int

    def __call__(self, value: float, *, plus: bool = True) -> str:
        """``value`` with its sign, at most five characters up to the largest the style is for."""
        text = _written(self.scaled(value), f"+.{self.decimals}f")
        if not any(digit in "123456789" for digit in text):
            text = text[1:]
        return text if plus else text.lstrip("+")

    def cell(self, value: float, width: int, *, plus: bool = True) -> str:
        """``value`` in at most ``width`` characters, nothing for 0.

        Beyond the largest that the style is for, as scores of special tokens may be, it has fewer digits.

        Example:
            >>> style = number_style(0.005)
            >>> style.cell(0.0049, 5), style.cell(0.95, 5)
            ('+4.90', '+950')
        """
        if value == 0:
            return ""
        text = self(value, plus=plus)
        return text if len(text) <= width else fitting(self.scaled(value), width, plus=plus)

    def scaled(self, value: float) -> float:
        """``value`` in units of the style's power of ten."""
        lifted = 300 if self.exponent < -300 else 0  # 10⁻³²⁴ is too small to divide by
        return value * 10.0**lifted / 10.0 ** (self.exponent + lifted)

    @property
    def note(self) -> str:
        """What to multiply by, or an empty string ("×10⁻³")."""
        return f"×10{str(self.exponent).translate(_SUPERSCRIPT)}" if self.exponent else ""

    def heading(self, text: str) -> str:
        """What stands over numbers of this style: ``text``, and what to multiply them by.

        Example:
            >>> NumberStyle(-3, 2).heading("strongest inputs")
            'strongest inputs (×10⁻³)'
        """
        return f"{text} ({self.note})" if self.note else text


def number_style(largest: float) -> NumberStyle:
    """The style for scores of at most this magnitude.

    Example:
        >>> number_style(0.42)(0.4211), number_style(0.00042).note
        ('+0.42', '×10⁻⁴')
    """
    if largest <= 0 or not math.isfinite(largest):
        return NumberStyle(0, 2)
    # a little more than the largest, so that rounding cannot add a digit
    magnitude = math.floor(math.log10(largest * 1.006))
    if magnitude in (-1, 0):
        return NumberStyle(0, 2)
    return NumberStyle(0, 1) if magnitude == 1 else NumberStyle(magnitude, 2)


def short(value: float) -> str:
    """One number on its own, three significant digits, or all before the point (``0.972``, ``3.1e-5``, ``12346``).

    The page writes it alike.
    """
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        number, _, exponent = _written(value, ".1e").partition("e")
        return f"{number}e{int(exponent)}" if exponent else number
    text = _written(value, ".3g" if abs(value) < 999.5 else ".0f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _written(value: float, how: str) -> str:
    """A number in Python's format, halves rounded away from 0, as scripts round; ``n/a`` for what is no number."""
    if not math.isfinite(value):
        return "n/a" if math.isnan(value) else format(value, how)
    with localcontext() as context:
        context.rounding = ROUND_HALF_UP
        return format(Decimal(float(value)), how)


def step_score(value: float) -> str:
    """One step score on its own: counts and ranks, all whole numbers, as such, others as `short`. So does the page.

    Example:
        >>> step_score(128255.0), step_score(0.97153)
        ('128255', '0.972')
    """
    return f"{value:.0f}" if value and abs(value) < _COUNTED and value.is_integer() else short(value)


def file_size(size: int) -> str:
    """Bytes as people say them.

    Example:
        >>> file_size(40), file_size(12_300), file_size(2_925_000)
        ('1 kB', '12 kB', '2.9 MB')
    """
    return f"{size / 1e6:.1f} MB" if size >= 999_500 else f"{max(1, round(size / 1e3))} kB"


def fitting(value: float, width: int, *, plus: bool = False) -> str:
    """One number in at most ``width`` characters, with fewer digits rather than cut ones.

    Example:
        >>> fitting(123.456, 5, plus=True), fitting(-123456.0, 5), fitting(2.5e-7, 5)
        ('+123', '-1e5', '2e-7')
    """
    sign = "+" if plus and value > 0 else ""
    first, _, exponent = f"{value:.0e}".partition("e")
    for text in (short(value), f"{value:.2g}", f"{first}e{int(exponent)}" if exponent else first):
        if len(sign + text) <= width:
            return sign + text
    return "<.01" if abs(value) < 1 else f"{'-' if value < 0 else sign}big"


def aligned(values: Iterable[float]) -> list[str]:
    """Numbers of one column with the same decimals, so that they line up; tiny and huge ones as `short`.

    Counts and ranks, whole numbers beyond 1, are written as such.
    """
    listed = [float(value) for value in values]
    largest = max((abs(value) for value in listed if math.isfinite(value)), default=0.0)
    if 2 <= largest < _COUNTED and all(value.is_integer() for value in listed):
        return [step_score(value) for value in listed]
    if not 0.001 <= largest < 1e5:
        return [short(value) for value in listed]
    decimals = 3 if largest < 10 else 2 if largest < 100 else 1
    return [_written(value, f".{decimals}f") for value in listed]


def written(values: Iterable[float], width: int) -> list[str]:
    """Numbers of one row under cells of ``width`` characters: as `aligned` writes them, those that are wider with fewer
    digits.

    Example:
        >>> written([3.0, 128000.0], 5)
        ['3', '1.3e5']
    """
    listed = [float(value) for value in values]
    return [
        text if len(text) <= width else fitting(value, width)
        for value, text in zip(listed, aligned(listed), strict=True)
    ]


def range_ends(bound: float, shown: npt.NDArray[np.floating[Any]], *, signed: bool) -> tuple[str, str]:
    """Both ends of the range of colours in words, and whether there are scores beyond them.

    Example:
        >>> range_ends(0.5, np.array([0.2, 0.7]), signed=True)
        ('-0.50', '+0.50 and above')
    """
    style = number_style(bound)
    note = f" {style.note}" if style.note else ""
    edge = bound * (1 + 1e-6)
    below = " and below" if shown.min(initial=0.0) < -edge else ""
    above = " and above" if shown.max(initial=0.0) > edge else ""
    return f"{style(-bound)}{below}" if signed else "0", f"{style(bound, plus=signed)}{note}{above}"
