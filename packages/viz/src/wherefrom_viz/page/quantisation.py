"""Scores as small numbers, a column at a time, so that no step suffers from a larger one beside it.

Each column has a scale of its own (float32). In it, ``display`` keeps a sign, four bits of exponent and eleven of
fraction: three significant digits down to 1/30,000 of the column's largest score, fewer below. Rounding never makes
two different magnitudes equal, nor swaps them: where it would, the next free number is taken. So whatever ranks the
scores of a column finds what it found before, ties included. ``compact`` keeps 127 even steps of each sign, in which
weak scores become equal: good for colours, not for ranks. ``exact`` keeps float32.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Precision: TypeAlias = Literal["display", "compact", "exact"]
_FRACTION = 2048
"""Steps between two powers of two."""
_LARGEST = 32767
_TOP = 2 - 1 / _FRACTION
"""What the largest code stands for."""
_LOWEST = -14
"""Smallest exponent; below it, steps are even."""
_KINDS = {"display": "<u2", "compact": "<i1", "exact": "<f4"}


def to_planes(scores: npt.NDArray[np.float64], precision: Precision) -> list[bytes]:
    """Scores as planes of bytes: those of the numbers, then those of the columns' scales.

    Args:
        scores: Shape ``(inputs, steps)``.
        precision: See the module.
    """
    largest = np.abs(scores).max(axis=0, initial=0.0)
    scale = np.where(largest > 0, largest, 1.0).astype("<f4").astype(np.float64)
    scale[scale == 0] = 1.0  # smaller than float32 knows
    if precision == "exact":
        packed: npt.NDArray[Any] = scores.astype("<f4")
    elif precision == "compact":
        packed = np.rint(np.clip(scores / scale, -1, 1) * 127).astype("<i1")
    else:
        packed = _codes(scores, scale)
    return [*_planes(packed), scale.astype("<f4").tobytes()]


def from_bytes(data: bytes, rows: int, columns: int, precision: Precision) -> npt.NDArray[np.float32]:
    """Scores of shape ``(rows, columns)`` from what `to_planes` wrote."""
    kind = np.dtype(_KINDS[precision])
    count = rows * columns
    planes = np.frombuffer(data[: count * kind.itemsize], dtype=np.uint8)
    values = planes.reshape(kind.itemsize, -1).T.copy().view(kind).reshape(rows, columns)
    if precision == "exact":
        return np.asarray(values, dtype=np.float32)
    scale = np.frombuffer(data, dtype="<f4", count=columns, offset=count * kind.itemsize)
    if precision == "compact":
        return np.asarray(values / np.float32(127) * scale, dtype=np.float32)
    return np.asarray(_values(values) * scale.astype(np.float64), dtype=np.float32)


def _planes(packed: npt.NDArray[Any]) -> list[bytes]:
    planes = packed.reshape(-1, 1).view(np.uint8).reshape(packed.size, packed.itemsize)
    return [plane.tobytes() for plane in planes.T]


def _codes(scores: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Sign in the highest bit, magnitude in the others: as order has it, with no two different ones alike."""
    sizes = np.abs(scores)
    order = np.argsort(sizes, axis=0, kind="stable")
    ascending = np.take_along_axis(sizes, order, axis=0)
    codes = np.minimum(_nearest(ascending / scale * _TOP), _LARGEST)
    # the number of different magnitudes up to each, zero not counted
    different = np.diff(ascending, axis=0, prepend=0.0) > 0
    place = np.cumsum(different, axis=0)
    codes = np.maximum(np.maximum.accumulate(codes - place, axis=0), 0) + place
    codes = np.minimum(codes, _LARGEST - (place[-1:] - place))
    found = np.zeros(scores.shape, dtype=np.int64)
    np.put_along_axis(found, order, np.where(ascending > 0, codes, 0), axis=0)
    return np.asarray(np.where(scores < 0, found + _LARGEST + 1, found), dtype="<u2")


def _nearest(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The code next to each magnitude in [0, 2)."""
    exponent = np.floor(np.log2(np.maximum(sizes, 2.0**_LOWEST)))
    steps = np.rint(sizes / 2.0**exponent * _FRACTION)
    return np.asarray((exponent - _LOWEST) * _FRACTION + steps, dtype=np.int64)


def _values(codes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Shares of the column's largest magnitude that codes stand for."""
    size = codes & _LARGEST
    exponent = np.maximum(size >> 11, 1)
    steps = size - (exponent - 1) * float(_FRACTION)
    share = steps / _FRACTION * 2.0 ** (exponent + float(_LOWEST - 1)) / _TOP
    return np.asarray(np.where(codes > _LARGEST, -share, share), dtype=np.float64)
