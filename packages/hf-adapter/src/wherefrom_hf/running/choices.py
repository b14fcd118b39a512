"""What a pass chooses by size, experts above all, noted and chosen again in another pass.

In half precision a token may lie between two experts: another order of the same sums gives it to the other one, and
its logits are then as far apart as if the passes computed something else. With the choices of one pass held in the
other, what is left between them is what they compute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_TOPK = (torch.topk, Tensor.topk)
_ARGMAX = (torch.argmax, Tensor.argmax)


class Choices(TorchFunctionMode):
    """Notes the choices of what runs within it, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Tensor] = []
        """The indices that were chosen."""

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        chosen = func(*args, **(kwargs or {}))
        if func in _TOPK:
            self.made.append(chosen.indices)
        elif func in _ARGMAX:
            self.made.append(chosen)
        return chosen

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block the same is chosen, as long as what is chosen from has the same shape."""
        with _Held(deque(self.made)):
            yield


class _Held(TorchFunctionMode):
    """Answers choices that were made before, and the sizes that what was chosen has now."""

    def __init__(self, ahead: deque[Tensor]) -> None:
        super().__init__()
        self._ahead = ahead

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        own = func(*args, **kwargs)
        if func not in _TOPK + _ARGMAX or not self._ahead:
            return own
        before = self._ahead.popleft()
        if func in _ARGMAX:
            return before if before.shape == own.shape else own
        if before.shape != own.indices.shape:
            return own
        chosen_from = args[0] if args else kwargs["input"]
        dim = args[2] if len(args) > 2 else kwargs.get("dim", -1)
        return type(own)((chosen_from.gather(dim, before), before))
