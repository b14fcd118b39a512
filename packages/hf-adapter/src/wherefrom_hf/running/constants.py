"""Weights as constants: nobody asks for their gradients, so nothing is kept for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from wherefrom_hf.running.parts import parts_of


@contextmanager
def constant_weights(module: nn.Module) -> Iterator[None]:
    """Within the block, no parameter of ``module`` asks for a gradient; then as before.

    A linear layer whose weight asks for none keeps nothing of what it read: half of what a graph weighs.
    """
    weights = (weight for part in parts_of(module) for weight in part._parameters.values())
    asking = [weight for weight in weights if weight is not None and weight.requires_grad]
    try:
        for weight in asking:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in asking:
            weight.requires_grad_(True)
