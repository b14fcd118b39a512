"""The core's view of arrays: whatever follows the array API, without importing a framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

import array_api_compat
import numpy as np
import numpy.typing as npt

Array: TypeAlias = Any
"""An array of numpy, torch, jax or any library that follows the array API standard."""

IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]


def namespace(*arrays: Array) -> Any:
    """The array-API namespace that the arrays share."""
    return array_api_compat.array_namespace(*arrays)


def like(reference: Array, values: Array, *, dtype: Any = None) -> Array:
    """``values`` as an array of the same library and on the same device as ``reference``."""
    xp = namespace(reference)
    return xp.asarray(values, dtype=dtype, device=array_api_compat.device(reference))


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """The array as numpy, detached and on the host; reduced-precision floats become float32."""
    if isinstance(array, np.ndarray):
        return array
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if "bfloat16" in str(array.dtype) or "float16" in str(array.dtype):
            array = array.float()
        return np.asarray(array.numpy())
    return np.asarray(array)


def at_least_single(array: Array) -> Array:
    """Half precision widened to single; single and double as they are. Differentiable."""
    xp = namespace(array)
    return xp.astype(array, xp.float32) if xp.finfo(array.dtype).bits < 32 else array


def is_listed(value: object) -> TypeGuard[Sequence[Any] | npt.NDArray[Any]]:
    """Is it a sequence, or an array with an axis? No text, and no array of a single number."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
