"""Weights as constants: nobody asks for their gradients, so nothing is kept for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def constant_weights(module: nn.Module) -> Iterator[None]:
    """Within the block, no parameter of ``module`` asks for a gradient; then as before.

    A linear layer whose weight asks for none keeps nothing of what it read: half of what a graph weighs.
    """
    asking = [weight for weight in module.parameters() if weight.requires_grad]
    try:
        for weight in asking:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in asking:
            weight.requires_grad_(True)
