"""A module without what it learned, for a while: values within its weight tensors change places."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from wherefrom.errors import ModelCapabilityError


@contextmanager
def shuffled(module: nn.Module, share: float, *, seed: int) -> Iterator[None]:
    """Shuffle the last ``share`` of the module's parameters, in its own order; put them back on leaving.

    Weights that two parts share (embedding and output head) count where they are first named, so they come last. One
    copy of what is shuffled is kept on the host meanwhile.

    Raises:
        ModelCapabilityError: Some weights are quantised, so that their values cannot change places.
    """
    parameters = [parameter for _, parameter in module.named_parameters()][::-1]
    chosen = parameters[: math.ceil(share * len(parameters))]
    if not all(parameter.is_floating_point() for parameter in chosen):
        raise ModelCapabilityError("Quantised weights cannot be shuffled. Load the model unquantised for this.")
    kept = [parameter.detach().to("cpu", copy=True) for parameter in chosen]
    generator = torch.Generator().manual_seed(seed)
    try:
        with torch.inference_mode():  # weights that were made in it are changed in it alone
            for parameter, values in zip(chosen, kept, strict=True):
                order = torch.randperm(values.numel(), generator=generator)
                parameter.copy_(values.flatten()[order].reshape(values.shape))
        yield
    finally:
        with torch.inference_mode(), ExitStack() as stack:  # each is put back, also where another cannot be
            for parameter, values in zip(chosen, kept, strict=True):
                stack.callback(parameter.copy_, values)
