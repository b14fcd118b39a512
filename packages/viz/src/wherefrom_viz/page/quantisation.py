"""Scores as small numbers, a column at a time, so that no step suffers from a larger one beside it.

Each column has a scale of its own, with the digits of float32 and the range of float64. In it, ``display`` keeps a sign
and the logarithm of the magnitude, in even steps of a tenth of a percent: three significant digits, however small the
score is beside the column's largest, down to 2e-14 of it; what is smaller is 0.
``fine`` steps between, 256 to each, give five digits, for half as much room again. Rounding never makes two different
magnitudes equal, nor swaps them: where it would, fine steps tell them apart, which else are 0 and take no room. So
whatever ranks the scores of a column that are kept finds what it found before, ties included. ``compact`` keeps 127
even steps of each sign, in which weak scores become equal: good for colours, not for ranks. ``exact`` keeps float32, in
columns beyond its range on their scale.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Precision: TypeAlias = Literal["display", "compact", "exact"]
_FINE = 256
"""Fine steps in a step."""
_OCTAVE = 720 * _FINE
"""Fine steps from a magnitude to twice as much: half a step is 0.05 %, which is half of the third digit of 999."""
_SIGN = 1 << 23
"""Bit of a number that says minus."""
_LARGEST = _SIGN - _FINE
"""What the largest magnitude of a column becomes; 1 stands for 2e-14 of it."""
_LEAST = 2.0 ** ((1 - _LARGEST) / _OCTAVE)
"""The smallest share of the largest magnitude that is kept."""
_FLOAT32 = np.finfo(np.float32)
_WIDTHS = {"display": 3, "compact": 1, "exact": 4}
"""Bytes of a score, before planes are deflated."""


def to_planes(
    scores: npt.NDArray[np.float64], precision: Precision, *, fine: bool = False
) -> tuple[list[bytes], npt.NDArray[np.float64]]:
    """Scores as planes of bytes, and the scale of each column.

    Args:
        scores: Shape ``(inputs, steps)``.
        precision: See the module.
        fine: Five digits rather than three, in ``display``.
    """
    largest = np.abs(scores).max(axis=0, initial=0.0)
    scale = _few_digits(np.where(largest > 0, largest, 1.0))
    if precision == "exact":
        beyond = (scale < _FLOAT32.tiny) | (scale > _FLOAT32.max)
        packed: npt.NDArray[Any] = np.where(beyond, np.clip(scores / scale, -1, 1), scores).astype("<f4")
        scale[~beyond] = 1.0
    elif precision == "compact":
        packed = np.rint(np.clip(scores / scale, -1, 1) * 127).astype("<i1")
    else:
        packed = _codes(scores, scale, 1 if fine else _FINE)
    return planes_of(packed)[: _WIDTHS[precision]], scale


def from_planes(
    data: bytes, scales: npt.NDArray[np.float64], rows: int, precision: Precision
) -> npt.NDArray[np.float64]:
    """Scores of shape ``(rows, columns)`` from what `to_planes` gave, planes one after the other."""
    columns = len(scales)
    width, count = _WIDTHS[precision], rows * columns
    planes = np.frombuffer(data[: count * width], dtype=np.uint8).reshape(width, count).T
    if precision == "exact":
        return np.asarray(planes.copy().view("<f4").reshape(rows, columns) * scales, dtype=np.float64)
    if precision == "compact":
        return np.asarray(planes.copy().view("<i1").reshape(rows, columns) / 127 * scales, dtype=np.float64)
    codes = np.pad(planes, ((0, 0), (0, 1))).copy().view("<u4").reshape(rows, columns)
    return np.asarray(_values(codes) * scales, dtype=np.float64)


def _few_digits(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Numbers with no more digits than float32 has, whatever their range: their lowest bytes take no room."""
    digits, powers = np.frexp(numbers)
    few = np.minimum(digits.astype(np.float32), 1 - _FLOAT32.epsneg).astype(np.float64)
    return np.asarray(np.ldexp(few, powers))


def planes_of(numbers: npt.NDArray[Any]) -> list[bytes]:
    """The lowest bytes of all numbers, the next ones, up to the highest."""
    return [plane.tobytes() for plane in numbers.reshape(-1, 1).view(np.uint8).reshape(-1, numbers.itemsize).T]


def _codes(scores: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.uint32]:
    """Sign in the highest bit, magnitude in the others: as order has it, with no two different ones alike."""
    sizes = np.ascontiguousarray(np.abs(scores).T)  # a line per column: each is sorted
    order = np.argsort(sizes, axis=1)
    ascending = np.take_along_axis(sizes, order, axis=1)
    shares = ascending / scale[:, None]
    ascending[shares < _LEAST] = 0.0
    codes = _nearest(shares, step)
    # the number of different magnitudes up to each, zero not counted
    place = np.cumsum(np.diff(ascending, axis=1, prepend=0.0) > 0, axis=1, dtype=np.int32)
    codes = np.maximum(np.maximum.accumulate(codes - place, axis=1), 0) + place
    codes = np.minimum(codes, _LARGEST - (place[:, -1:] - place))
    codes[ascending == 0] = 0
    found = np.empty_like(codes)
    np.put_along_axis(found, order, codes, axis=1)
    return np.asarray(found.T + np.where(scores < 0, _SIGN, 0), dtype="<u4")


def _nearest(shares: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.int32]:
    """The multiple of ``step`` fine steps next to each share of the column's largest magnitude."""
    steps = np.rint(np.log2(np.maximum(shares, np.finfo(np.float64).tiny)) * (_OCTAVE // step))
    codes = np.maximum(steps, -_LARGEST / step).astype(np.int32) * step + _LARGEST
    return np.asarray(np.clip(codes, 1, _LARGEST), dtype=np.int32)


def _values(codes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Shares of the column's largest magnitude that codes stand for."""
    size = (codes & (_SIGN - 1)).astype(np.float64)
    share = np.where(size > 0, 2.0 ** ((size - _LARGEST) / _OCTAVE), 0.0)
    return np.asarray(np.where(codes >= _SIGN, -share, share), dtype=np.float64)
