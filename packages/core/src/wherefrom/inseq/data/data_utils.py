"""Records of tensors that are cut, moved and compared together."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

TensorClass = TypeVar("TensorClass", bound="TensorWrapper")

_TOLERANCE = 1e-5


class TensorWrapper:
    """Base of dataclasses whose fields are tensors, records of tensors, or dictionaries and lists of these."""

    def _mapped(self, change: Callable[[Any], Any]) -> Self:
        return replace(self, **{one.name: _each(getattr(self, one.name), change) for one in _fields(self)})  # type: ignore[type-var]

    def __getitem__(self, subscript: Any) -> Self:
        """Some of the sequence positions, of every row."""
        return self._mapped(
            lambda value: value[:, subscript] if isinstance(value, Tensor) else _columns(value, subscript)
        )

    def slice_batch(self, subscript: Any) -> Self:
        """Some of the rows."""
        return self._mapped(lambda value: value[subscript])

    def select_active(self, mask: Tensor) -> Self:
        """The rows where the mask is true."""
        kept = mask.reshape(-1).bool()
        return self._mapped(
            lambda value: (
                value[kept.to(value.device)]
                if isinstance(value, Tensor)
                else [row for row, keep in zip(value, kept.tolist(), strict=True) if keep]
            )
        )

    def to(self, device: Any) -> Self:
        """Move all tensors, in place."""
        return self._in_place(lambda value: value.to(device) if isinstance(value, Tensor) else value)

    def detach(self) -> Self:
        """Take all tensors out of their graphs, in place."""
        return self._in_place(lambda value: value.detach() if isinstance(value, Tensor) else value)

    def numpy(self) -> Self:
        """All tensors as arrays, in a copy."""
        return self._mapped(lambda value: value.detach().cpu().numpy() if isinstance(value, Tensor) else value)

    def torch(self) -> Self:
        """All arrays as tensors, in a copy."""
        return self._mapped(lambda value: torch.from_numpy(value) if isinstance(value, np.ndarray) else value)

    def clone(self) -> Self:
        """A copy that shares nothing."""
        return deepcopy(self)

    def clone_empty(self) -> Self:
        """A record of the same class with nothing in the fields that may be left out."""
        return replace(self, **{one.name: None for one in _fields(self) if one.default is None})  # type: ignore[type-var]

    def to_dict(self) -> dict[str, Any]:
        """Fields by name; records in them as dictionaries, too."""
        return {
            one.name: value.to_dict() if isinstance(value := getattr(self, one.name), TensorWrapper) else value
            for one in _fields(self)
        }

    def _in_place(self, change: Callable[[Any], Any]) -> Self:
        for one in _fields(self):
            value = getattr(self, one.name)
            if isinstance(value, TensorWrapper):
                value._in_place(change)
            elif value is not None:
                setattr(self, one.name, _each(value, change))
        return self

    def __eq__(self, other: object) -> bool:
        """The same class, and fields that are equal, numbers within a tolerance."""
        return type(other) is type(self) and all(
            _same(getattr(self, one.name), getattr(other, one.name)) for one in _fields(self)
        )

    __hash__ = None  # type: ignore[assignment]


def _fields(record: Any) -> list[Any]:
    return [one for one in fields(record) if not one.name.startswith("_")]


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, TensorWrapper):
        return value._mapped(change)
    if isinstance(value, dict):
        return {name: _each(one, change) for name, one in value.items()}
    return change(value) if isinstance(value, Tensor | np.ndarray | list) else value


def _columns(value: Any, subscript: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value[:, subscript]
    return [row[subscript] if isinstance(row, list) else row for row in value] if isinstance(value, list) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.allclose(
            one.cpu().float(), other.cpu().float(), atol=_TOLERANCE, equal_nan=True
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)
