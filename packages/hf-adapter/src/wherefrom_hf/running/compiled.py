"""Parts that ``torch.compile`` was given: asked as they were written, so that hooks see them, and put back compiled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from torch import nn

COMPILED_FROM = "_orig_mod"
"""Under this name ``torch.compile`` keeps the module that it was given."""
_WRITTEN = "_torchdynamo_orig_callable"
"""And under this one, on what it made of a function, the function."""


@contextmanager
def as_written(parts: Iterable[nn.Module]) -> Iterator[None]:
    """Within the block no part runs compiled: neither one compiled in place, nor a wrapped one, nor a ``forward``.

    A wrapper with hooks of its own stays, since they would not be called.
    """
    with ExitStack() as stack:
        for part in parts:
            if part._compiled_call_impl is not None:
                stack.callback(setattr, part, "_compiled_call_impl", part._compiled_call_impl)
                part._compiled_call_impl = None
            for name, child in part._modules.items():
                if child is not None and (inside := _looked_through(child)) is not child:
                    stack.callback(part._modules.__setitem__, name, child)
                    part._modules[name] = inside
            forward = part.__dict__.get("forward")
            if COMPILED_FROM not in part._modules and (written := getattr(forward, _WRITTEN, None)) is not None:
                stack.callback(part.__dict__.__setitem__, "forward", forward)
                part.__dict__["forward"] = written
        yield


def _looked_through(part: nn.Module) -> nn.Module:
    while not (part._forward_hooks or part._forward_pre_hooks or part._backward_hooks):
        inside = part._modules.get(COMPILED_FROM)
        if inside is None:
            break
        part = inside
    return part
