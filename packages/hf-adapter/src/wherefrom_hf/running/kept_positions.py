"""What is hidden keeps its place.

Some models number positions by counting the ones of their attention mask (BLOOM and Falcon for their linear biases), as
padding on the left wants it. Behind a hidden token all would move up, as if it were deleted. Most count nothing, which
the first pass that hides something shows, and watching every function of a pass costs as much as a small model's pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from wherefrom_hf.running.as_built import kept_as_built

_count: WeakKeyDictionary[nn.Module, dict[bool, bool]] = kept_as_built(WeakKeyDictionary())
"""Does the module count the ones of its mask? By whether a pass goes on from another."""


class _CountsAll(TorchFunctionMode):
    """Whoever counts the ones of a mask finds nothing but ones."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self._mask = mask
        self.counted = False

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.cumsum, Tensor.cumsum):
            if args and self._is_mask(args[0]):
                args = (torch.ones_like(args[0]), *args[1:])
            elif "input" in kwargs and self._is_mask(kwargs["input"]):
                kwargs = {**kwargs, "input": torch.ones_like(kwargs["input"])}
        return func(*args, **kwargs)

    def _is_mask(self, counted: Tensor) -> bool:
        found = counted.shape == self._mask.shape and bool((counted == self._mask).all())
        self.counted |= found
        return found


@contextmanager
def positions_kept(module: nn.Module, mask: Tensor, *, continued: bool) -> Iterator[None]:
    """Within the block, a pass of the module, it numbers positions as if its attention mask hid none.

    Args:
        mask: Shape ``(rows, length)``.
        continued: Does the pass go on from another?
    """
    known = _count.setdefault(module, {})
    if not known.get(continued, True) or bool(mask.all()):
        yield
        return
    mode = _CountsAll(mask)
    with mode:
        yield
    known[continued] = known.get(continued, False) or mode.counted
