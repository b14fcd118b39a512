"""Aggregation functions: how several numbers become one.

Each takes an array, the axis to remove, and which cells exist. Absent cells never count: not in a mean's
denominator, not as a zero in a minimum. Where no cell exists the answer is 0, which is what absent cells hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from wherefrom._registry import Registry
from wherefrom.arrays import BoolArray
from wherefrom.errors import SettingsError
from wherefrom.results.aggregation import one_number_each

Values: TypeAlias = npt.NDArray[Any]


class AggregationFunction(Protocol):
    """Many numbers to one."""

    def __call__(self, values: Values, axis: int, where: BoolArray, /) -> Values:
        """``values`` without ``axis``; ``where`` has the shape of ``values`` and is False at absent cells."""
        ...


_OURS = ("mean", "sum", "prod", "max", "min", "absmax", "vnorm")
AGGREGATION_FUNCTIONS: Registry[AggregationFunction] = Registry("aggregation function")


def known_function(instance: Any, attribute: Any, name: str | None) -> None:
    """attrs validator: the setting names an aggregation function (or none)."""
    if name is not None:
        AGGREGATION_FUNCTIONS.get(name)


def register_aggregation_function(fn: AggregationFunction, identifier: str, *, overwrite: bool = False) -> None:
    """Make ``fn(values, axis, where)`` available by name to every aggregator.

    Raises:
        SettingsError: The identifier is taken and ``overwrite`` is false.
    """
    AGGREGATION_FUNCTIONS.register(identifier, fn, overwrite=overwrite)


def list_aggregation_functions() -> list[str]:
    """Identifiers of all aggregation functions, sorted."""
    return list(AGGREGATION_FUNCTIONS)


def combine(name: str, values: Values, axis: int, where: BoolArray | None = None, *, order: float = 2.0) -> Values:
    """``values`` with ``axis`` removed by the function called ``name``.

    Args:
        where: Which cells exist; must broadcast to the shape of ``values``. None: all.
        order: Of the norm, for ``"vnorm"``.

    Returns:
        Floating point, at least as precise as single precision; 0 where no cell exists.

    Raises:
        SettingsError: A function of the user's gives another shape.
    """
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.result_type(values.dtype, np.float32))
    present = np.broadcast_to(np.asarray(True) if where is None else where, values.shape)
    if values.shape[axis] == 0:
        return np.zeros(np.delete(values.shape, axis), dtype=values.dtype)
    if name == "vnorm":
        combined = norm(values, axis, present, order)
    else:
        combined = AGGREGATION_FUNCTIONS.get(name)(values, axis, present)
        if name not in _OURS:
            shape = tuple(size for place, size in enumerate(values.shape) if place != axis % values.ndim)
            combined = one_number_each(combined, shape, name)
    return np.where(present.any(axis=axis), combined, 0).astype(values.dtype, copy=False)


def keeps_sign(name: str, sizes: Iterable[int]) -> bool:
    """Does the function called ``name`` make a negative number of negative ones? One that is not ours is asked.

    Args:
        sizes: How many numbers it is given.
    """
    if name in _OURS:
        return name not in ("prod", "vnorm")
    return all((combine(name, -np.arange(1.0, size + 1)[None], 1) < 0).all() for size in sorted(set(sizes)))


def changes_single(name: str) -> bool:
    """May the function called ``name`` make another number of a single one?"""
    return name not in _OURS or name == "vnorm"


def mean(values: Values, axis: int, where: BoolArray) -> Values:
    """Arithmetic mean."""
    count = np.maximum(where.sum(axis=axis), 1)
    return np.asarray(total(values, axis, where) / count.astype(values.dtype))


def total(values: Values, axis: int, where: BoolArray) -> Values:
    """Sum."""
    return np.asarray(np.sum(values, axis=axis, where=where))


def product(values: Values, axis: int, where: BoolArray) -> Values:
    """Product."""
    return np.asarray(np.prod(values, axis=axis, where=where))


def maximum(values: Values, axis: int, where: BoolArray) -> Values:
    """Largest value."""
    return np.asarray(np.max(values, axis=axis, where=where, initial=-np.inf))


def minimum(values: Values, axis: int, where: BoolArray) -> Values:
    """Smallest value."""
    return np.asarray(np.min(values, axis=axis, where=where, initial=np.inf))


def absmax(values: Values, axis: int, where: BoolArray) -> Values:
    """The value farthest from zero, with its sign; the first of several."""
    farthest = np.argmax(np.where(where, np.abs(values), -1), axis=axis, keepdims=True)
    return np.asarray(np.take_along_axis(values, farthest, axis=axis).squeeze(axis=axis))


def norm(values: Values, axis: int, where: BoolArray, order: float = 2.0) -> Values:
    """The vector norm of the given order, scaled so that squares of small scores do not vanish.

    Raises:
        SettingsError: ``order`` is not positive.
    """
    if not order > 0:
        raise SettingsError(f"vnorm_ord = {order!r} is no norm. Give a positive number, such as 1 or 2.")
    size = np.where(where, np.abs(values), 0)
    largest = size.max(axis=axis, keepdims=True)
    if np.isinf(order):
        return np.asarray(largest.squeeze(axis=axis))
    endless = np.isinf(largest)
    safe = np.where((largest > 0) & ~endless, largest, 1).astype(values.dtype)
    scaled = (np.where(endless, 1, size / safe) ** order).sum(axis=axis) ** (1 / order)
    with np.errstate(over="ignore"):  # of scores near the largest number there is
        return np.asarray((scaled * largest.squeeze(axis=axis)).astype(values.dtype))


for _identifier, _function in zip(_OURS, (mean, total, product, maximum, minimum, absmax, norm), strict=True):
    AGGREGATION_FUNCTIONS.register(_identifier, _function)
