"""Arrays in files: dtype, shape, and either plain numbers (a few) or little-endian bytes.

Larger float arrays are packed: the first bytes of all numbers, then all second bytes, and so on, deflated. Exponents of
neighbouring scores are alike, so this saves a seventh where base64 costs a third.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from wherefrom.errors import FileFormatError, InputError
from wherefrom.files.wire.limits import Budget

READABLE = 16
"""Arrays up to this many entries are written as numbers."""

PACKED = 256
"""Arrays from this many bytes on are packed, if that makes them smaller."""

DTYPES = frozenset(
    ["float16", "float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)

MOST_DIMENSIONS = 16

SCALED = "scaled float16"
"""Narrowed to 16 bits, each step multiplied by a power of two that brings its largest number just below `LARGEST`.
Gradients of sure tokens are below the smallest number that 16 bits have."""

LARGEST = 15
"""As a power of two; 16 bits go up to 65504."""

FARTHEST = 2000
"""No number of 64 bits needs an exponent as large as this."""


class WireArray(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One array."""

    dtype: str
    """What it is in memory, by numpy's name."""
    shape: list[int]
    values: list[bool | int | float] | None = None
    """Entries in C order, for small arrays."""
    data: bytes | None = None
    """Little-endian bytes in C order, maybe packed; base64 in JSON."""
    stored: str | None = None
    """What it is in the file, where it was narrowed: `SCALED`, or in older files a dtype."""
    exponents: list[int] | None = None
    """What narrowed numbers are to be multiplied by, as powers of two: one of all, or of several dimensions one for
    each place of the second, which is the step of scores."""
    packing: str | None = None
    """``"planes+deflate"`` or nothing."""


def encode_array(array: npt.NDArray[Any], *, narrow: bool = False) -> WireArray:
    """An array as it is written.

    Args:
        narrow: Store floating point with 16 bits. Reading gives the dtype back, not the digits.

    Raises:
        InputError: The dtype has no place in files.
    """
    array = np.asarray(array)
    dtype = array.dtype.name
    if dtype not in DTYPES:
        raise InputError(f"Arrays of {dtype} cannot be saved. Convert to one of {', '.join(sorted(DTYPES))}.")
    facts: dict[str, Any] = {"dtype": dtype, "shape": list(array.shape)}
    if narrow and dtype in ("float32", "float64"):
        exponents = _exponents(array)
        array = np.ldexp(array, -_beside(exponents, array.ndim)).astype(np.float16)
        facts |= {"stored": SCALED, "exponents": exponents.tolist()}
    if array.size <= READABLE and (array.dtype.kind != "f" or bool(np.isfinite(array).all())):
        return WireArray(**facts, values=[_number(one) for one in array.ravel()])
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    data = little.tobytes()
    if array.dtype.kind == "f" and len(data) >= PACKED:
        planes = little.reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize).T
        packed = zlib.compress(planes.tobytes(), 6)
        if len(packed) < len(data):
            return WireArray(**facts, packing="planes+deflate", data=packed)
    return WireArray(**facts, data=data)


def decode_array(wire: WireArray, budget: Budget, where: str) -> npt.NDArray[Any]:
    """The array again, read-only where that saves a copy.

    Raises:
        FileFormatError: dtype, shape and bytes do not fit together, or more memory is claimed than a file may.
    """
    scaled = wire.stored == SCALED
    stored = "float16" if scaled else wire.stored or wire.dtype
    for name in (wire.dtype, stored):
        if name not in DTYPES:
            raise FileFormatError(f"{where}: dtype {name[:40]!r} is unknown. Known: {', '.join(sorted(DTYPES))}.")
    if len(wire.shape) > MOST_DIMENSIONS or any(size < 0 for size in wire.shape):
        raise FileFormatError(f"{where}: shape {wire.shape[:MOST_DIMENSIONS]!r} is no shape.")
    count = math.prod(wire.shape)
    dtype = np.dtype(stored).newbyteorder("<")
    budget.spend(count * (dtype.itemsize + np.dtype(wire.dtype).itemsize), where)
    if (wire.values is None) == (wire.data is None):
        raise FileFormatError(f"{where}: an array has either 'values' or 'data'.")
    if wire.values is not None:
        if len(wire.values) != count:
            raise FileFormatError(f"{where}: {len(wire.values)} values for shape {wire.shape!r}.")
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(wire.values, dtype=stored)
        except (OverflowError, ValueError) as error:
            raise FileFormatError(f"{where}: a value does not fit into {stored}: {error}.") from error
    else:
        array = np.frombuffer(_bytes(wire, count, dtype.itemsize, where), dtype=dtype)
    array = array.reshape(wire.shape)
    if not scaled:
        return array.astype(wire.dtype, copy=False)
    exponents = wire.exponents or []
    several = wire.shape[1] if len(wire.shape) > 1 else 1
    if np.dtype(wire.dtype).kind != "f" or len(exponents) != several:
        raise FileFormatError(f"{where}: {len(exponents)} exponents for {wire.dtype} of shape {wire.shape!r}.")
    if any(abs(one) > FARTHEST for one in exponents):
        raise FileFormatError(f"{where}: an exponent is beyond {FARTHEST}.")
    with np.errstate(over="ignore"):
        found: npt.NDArray[Any] = np.ldexp(array.astype(wire.dtype), _beside(np.array(exponents, np.int64), array.ndim))
    return found


def _exponents(array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Powers of two that numbers are to be divided by, so that those of each step just fit into 16 bits."""
    size = np.where(np.isfinite(array), np.abs(array), 0.0)
    axes = tuple(axis for axis in range(array.ndim) if axis != 1)
    largest = np.atleast_1d(size.max(axis=axes, initial=0.0))
    return np.where(largest > 0, np.frexp(largest)[1] - LARGEST, 0).astype(np.int64)


def _beside(exponents: npt.NDArray[np.int64], dimensions: int) -> npt.NDArray[np.int64]:
    """Exponents in the shape that goes with an array of so many dimensions."""
    if dimensions > 1:
        return exponents.reshape(1, -1, *(1,) * (dimensions - 2))
    return exponents.reshape(()) if dimensions == 0 else exponents


def _bytes(wire: WireArray, count: int, itemsize: int, where: str) -> bytes:
    data = wire.data or b""
    expected = count * itemsize
    if wire.packing == "planes+deflate":
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(data, expected + 1)  # 0 would mean unlimited
        except zlib.error as error:
            raise FileFormatError(f"{where}: packed bytes are damaged: {error}.") from error
        if len(data) == expected:
            data = np.frombuffer(data, dtype=np.uint8).reshape(itemsize, count).T.tobytes()
    elif wire.packing is not None:
        raise FileFormatError(f"{where}: packing {wire.packing[:40]!r} is unknown. Update wherefrom to read it.")
    if len(data) != expected:
        raise FileFormatError(f"{where}: {len(data)} bytes or more for shape {wire.shape!r}, which needs {expected}.")
    return data


def _number(value: Any) -> bool | int | float:
    """The shortest number that reads back as ``value``: 0.1 for the single-precision 0.1."""
    if isinstance(value, np.floating):
        return float(str(value))
    plain: bool | int = value.item()
    return plain
