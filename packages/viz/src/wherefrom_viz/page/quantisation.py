"""Scores as small numbers, a column at a time, so that no step suffers from a larger one beside it.

Each column has a scale of its own (float32). In it, ``display`` keeps a sign and the logarithm of the magnitude, in
even steps of a tenth of a percent: three significant digits, however small the score is beside the column's largest.
``fine`` steps between, 256 to each, give five digits, for half as much room again. Rounding never makes two different
magnitudes equal, nor swaps them: where it would, fine steps tell them apart, which else are 0 and take no room. So
whatever ranks the scores of a column finds what it found
before, ties included. ``compact`` keeps 127 even steps of each sign, in which weak scores become equal: good for
colours, not for ranks. ``exact`` keeps float32.
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
_WIDTHS = {"display": 3, "compact": 1, "exact": 4}
"""Bytes of a score, before planes are deflated."""


def to_planes(
    scores: npt.NDArray[np.float64], precision: Precision, *, fine: bool = False
) -> tuple[list[bytes], npt.NDArray[np.float32]]:
    """Scores as planes of bytes, and the scale of each column.

    Args:
        scores: Shape ``(inputs, steps)``.
        precision: See the module.
        fine: Five digits rather than three, in ``display``.
    """
    largest = np.abs(scores).max(axis=0, initial=0.0)
    scale = np.where(largest > 0, largest, 1.0).astype("<f4").astype(np.float64)
    scale[scale == 0] = 1.0  # smaller than float32 knows
    if precision == "exact":
        packed: npt.NDArray[Any] = scores.astype("<f4")
    elif precision == "compact":
        packed = np.rint(np.clip(scores / scale, -1, 1) * 127).astype("<i1")
    else:
        packed = _codes(scores, scale, 1 if fine else _FINE)
    return planes_of(packed)[: _WIDTHS[precision]], scale.astype("<f4")


def from_planes(
    data: bytes, scales: npt.NDArray[np.float32], rows: int, precision: Precision
) -> npt.NDArray[np.float32]:
    """Scores of shape ``(rows, columns)`` from what `to_planes` gave, planes one after the other."""
    columns = len(scales)
    width, count = _WIDTHS[precision], rows * columns
    planes = np.frombuffer(data[: count * width], dtype=np.uint8).reshape(width, count).T
    if precision == "exact":
        return np.asarray(planes.copy().view("<f4").reshape(rows, columns), dtype=np.float32)
    if precision == "compact":
        return np.asarray(planes.copy().view("<i1").reshape(rows, columns) / np.float32(127) * scales, dtype=np.float32)
    codes = np.pad(planes, ((0, 0), (0, 1))).copy().view("<u4").reshape(rows, columns)
    return np.asarray(_values(codes) * scales.astype(np.float64), dtype=np.float32)


def planes_of(numbers: npt.NDArray[Any]) -> list[bytes]:
    """The lowest bytes of all numbers, the next ones, up to the highest."""
    return [plane.tobytes() for plane in numbers.reshape(-1, 1).view(np.uint8).reshape(-1, numbers.itemsize).T]


def _codes(scores: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.uint32]:
    """Sign in the highest bit, magnitude in the others: as order has it, with no two different ones alike."""
    sizes = np.ascontiguousarray(np.abs(scores).T)  # a line per column: each is sorted
    order = np.argsort(sizes, axis=1)
    ascending = np.take_along_axis(sizes, order, axis=1)
    codes = _nearest(ascending / scale[:, None], step)
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
