"""What is hidden keeps its place.

Some models number positions by counting the ones of their attention mask (BLOOM and Falcon for their linear biases), as
padding on the left wants it. Behind a hidden token all would move up, as if it were deleted.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class _CountsAll(TorchFunctionMode):
    """Whoever counts the ones of a mask finds nothing but ones."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self._mask = mask

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.cumsum, Tensor.cumsum):
            if args and self._is_mask(args[0]):
                args = (torch.ones_like(args[0]), *args[1:])
            elif "input" in kwargs and self._is_mask(kwargs["input"]):
                kwargs = {**kwargs, "input": torch.ones_like(kwargs["input"])}
        return func(*args, **kwargs)

    def _is_mask(self, counted: Tensor) -> bool:
        return counted.shape == self._mask.shape and bool((counted == self._mask).all())


def positions_kept(mask: Tensor) -> AbstractContextManager[object]:
    """Within the block a model numbers positions as if its attention mask, ``(rows, length)``, hid none."""
    return nullcontext() if bool(mask.all()) else _CountsAll(mask)
