"""What a module answers, and something else in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def first_tensor(output: Any) -> Tensor:
    """The tensor a module returned, alone or ahead of others."""
    return output if isinstance(output, Tensor) else output[0]


def with_first(output: Any, first: Tensor) -> Any:
    """What a module returned with its first tensor replaced: a tuple whose members have names is one again."""
    if isinstance(output, Tensor):
        return first
    kind = type(output)
    return getattr(kind, "_make", kind)([first, *output[1:]])


@contextmanager
def answering(module: nn.Module, output: Any) -> Iterator[None]:
    """Within the block, ``module`` computes nothing and returns ``output``."""
    with answering_by(module, lambda *args, **kwargs: output):
        yield


@contextmanager
def answering_by(module: nn.Module, answer: Callable[..., Any], method: str = "forward") -> Iterator[None]:
    """Within the block, ``module`` answers what ``answer`` makes of its arguments. Its hooks run as before.

    Args:
        method: Which of the module's methods is answered.
    """
    own = module.__dict__.get(method)
    module.__dict__[method] = answer
    try:
        yield
    finally:
        if own is None:
            del module.__dict__[method]
        else:
            module.__dict__[method] = own
