"""Layers of few bits whose gradients are not those of what they compute.

Weights that were rounded make a linear layer like any other. Some layers also round what they are given (dynamic
quantisation of activations): rounding is flat wherever it has a derivative, and where the library that quantised puts
nothing in its place, PyTorch differentiates it as it stands. The gradient through such a layer is 0, and a model's
gradients are what its residual stream passes by.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary
from transformers import PreTrainedModel
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.parts import parts_of
from wherefrom_hf.running.placement import quantised

LENGTH = 48
"""Positions that a layer is tried on: some have another kernel for a few, whose lack of a derivative PyTorch tells when
it is run."""

TOLERANCE = 0.25
"""Part by which the gradient of a layer may differ from what the layer does: with eight bits a few percent."""

_follows: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""By weight of few bits: does the gradient follow what its layer computes?"""


def has_few_bits(module: PreTrainedModel) -> bool:
    """Are products of few bits in it, whoever put them there?"""
    return quantised(module) or any(_of_few_bits(part) is not None for part in parts_of(module))


def refuse_flat_layers(module: PreTrainedModel) -> None:
    """Try every linear layer of few bits, once as long as it has its weight.

    Raises:
        ModelCapabilityError: The gradient through one is not that of what it computes.
    """
    for part in parts_of(module):
        weight = _of_few_bits(part)
        if weight is None:
            continue
        if weight not in _follows:
            _follows[weight] = _gradient_follows(part, weight, module.dtype)
        if not _follows[weight]:
            raise ModelCapabilityError(
                f"Layers of {type(module).__name__} ({type(part).__name__} with weights of {type(weight).__name__}) "
                "round what they are given to few bits, and have no derivative of that: gradients would be wrong "
                "without a word. Quantise the weights alone, or use a method without gradients: occlusion, "
                "kernel_shap, attention."
            )


def _of_few_bits(part: nn.Module) -> Tensor | None:
    """The weight of a linear layer that is not kept in floating point, as PyTorch's own are; None: it is another."""
    for tensor in (*part._parameters.values(), *part._buffers.values()):
        if tensor is not None and tensor.ndim > 1 and not _is_plain(tensor):
            return tensor if isinstance(getattr(part, "in_features", None), int) else None
    return None


def _is_plain(tensor: Tensor) -> bool:
    return type(tensor) in (Tensor, nn.Parameter) and tensor.dtype.is_floating_point


def _gradient_follows(layer: nn.Module, weight: Tensor, dtype: torch.dtype) -> bool:
    """A layer is linear: from nothing to some input it changes by its derivative times that input."""
    generator = torch.Generator().manual_seed(0)
    features: int = layer.in_features  # type: ignore[assignment]
    given = torch.randn(1, LENGTH, features, generator=generator).to(weight.device, dtype)
    with torch.inference_mode(False), torch.enable_grad():
        given.requires_grad_()
        output = layer.forward(given)
        if not output.requires_grad:
            return False
        with torch.no_grad():
            change = output - layer.forward(torch.zeros_like(given))
        (gradient,) = torch.autograd.grad((output.float() * change.float()).sum(), given, allow_unused=True)
    if gradient is None:
        return False
    with torch.no_grad():
        told = float((gradient.float() * given.float()).sum())
        moved = float(change.float().square().sum())
    return abs(told - moved) <= TOLERANCE * moved
