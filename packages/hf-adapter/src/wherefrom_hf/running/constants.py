"""Weights as constants: nobody asks for their gradients, so nothing is kept for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import nn
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.parts import parts_of, weights_of


def need_differentiable(module: nn.Module) -> None:
    """Refuse weights that no gradient goes through.

    Raises:
        ModelCapabilityError: They were made in inference mode.
    """
    if any(weight.is_inference() for weight in weights_of(parts_of(module))):
        raise ModelCapabilityError(
            f"The weights of {type(module).__name__} were made in torch.inference_mode(), and PyTorch differentiates "
            "nothing through such weights. Load the model outside of it, or use a method without gradients: occlusion, "
            "lime."
        )


@contextmanager
def constant_weights(module: nn.Module) -> Iterator[None]:
    """Within the block, no parameter of ``module`` asks for a gradient; then as before.

    A linear layer whose weight asks for none keeps nothing of what it read: half of what a graph weighs.

    Raises:
        ModelCapabilityError: Weights were made in inference mode, and nothing can be differentiated through them.
    """
    need_differentiable(module)
    with ExitStack() as stack:  # each is put back, also where another cannot be
        for weight in weights_of(parts_of(module)):
            if weight.requires_grad:
                stack.callback(weight.requires_grad_, True)
                weight.requires_grad_(False)
        yield
