"""Activation functions whose backward pass is one multiplication.

Many models write their activation as a chain of elementary operations, and each of them is repeated for every
vector-Jacobian product through it. An elementwise function needs its derivative only: computed once in the forward
pass, it serves all backward passes. Values are unchanged and derivatives are those of the function itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2CLS

from wherefrom_hf.running.parts import parts_of

_REGISTERED = (entry[0] if isinstance(entry, tuple) else entry for entry in ACT2CLS.values())
ELEMENTWISE: tuple[type, ...] = tuple(entry for entry in _REGISTERED if isinstance(entry, type))
"""The activation classes that transformers can be configured with: each output depends on its own input alone."""


class _WithSlope:
    """A hook: what an activation gave, with its derivative."""

    takes_pieces = True
    """Every number is on its own: see `in_pieces`."""

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        x = inputs[0]
        if not x.requires_grad or not output.requires_grad:
            return None
        (derivative,) = torch.autograd.grad(output.sum(), x)
        return output.detach() + derivative * (x - x.detach())


@contextmanager
def derivatives_kept(module: PreTrainedModel) -> Iterator[None]:
    """Within the block, activations of ``module`` are differentiated by a derivative kept from the forward pass."""
    with ExitStack() as hooks:
        for part in parts_of(module):
            if isinstance(part, ELEMENTWISE) and not any(True for _ in part.parameters()):
                hooks.callback(part.register_forward_hook(_WithSlope()).remove)
        yield
