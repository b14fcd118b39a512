"""Normalisation layers with their statistics fixed: affine maps, one per position.

A layer is recognised by what it does. It normalises if its output does not change with the scale of its
input; it also centres if its output does not change when a constant is added. Gain and bias are read off
from two probes, the statistics from the pass in question, and the resulting map must give that pass's
output again.
"""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor, nn

_LARGE = 1e3
"""Probes are scaled by this, so that the small constant under a norm's square root does not matter."""


@frozen(eq=False)
class FrozenNorm:
    """``(x - mean) · scale + shift`` or ``x · scale + shift``, with ``scale`` as it was in one pass."""

    centres: bool
    scale: Tensor
    """Shape ``(positions, width)``."""
    shift: Tensor
    """Shape ``(width,)``."""

    def linear(self, states: Tensor, first: int = 0) -> Tensor:
        """The map without its shift.

        Args:
            states: ``(positions, ..., width)``, of some positions in a row.
            first: Which position they begin with.
        """
        centred = states - states.mean(-1, keepdim=True) if self.centres else states
        scale = self.scale[first : first + len(states)]
        return centred * scale.reshape(len(states), *[1] * (states.ndim - 2), -1)

    def __call__(self, states: Tensor) -> Tensor:
        """The whole map for any number of rows of all positions, in whatever shape they came."""
        rows = states.reshape(-1, *self.scale.shape)
        centred = rows - rows.mean(-1, keepdim=True) if self.centres else rows
        return (centred * self.scale + self.shift).reshape(states.shape)


@torch.no_grad()
def freeze(module: nn.Module, given: Tensor, output: Tensor) -> FrozenNorm | None:
    """``module`` as the affine map it was when it made ``output`` of ``given``; None if it is no norm.

    Args:
        given: Any shape that ends in ``(..., width)`` with one row of positions.
    """
    shapes = [parameter.ndim for parameter in module.parameters()]
    if any(True for _ in module.children()) or max(shapes, default=0) > 1 or given.shape != output.shape:
        return None
    width = given.shape[-1]
    states, made = given.reshape(-1, width), output.reshape(-1, width)
    probe = torch.arange(width, device=given.device, dtype=given.dtype) / width + 1
    probe[::2] *= -1
    try:
        made_large = module(_LARGE * probe)
    except TypeError:  # it takes more than one tensor
        return None
    if not _same(made_large, module(2 * _LARGE * probe)):
        return None
    centres = _same(made_large, module(_LARGE * (probe + 1)))
    shift = module(torch.zeros_like(probe))

    def core(x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if centres else x

    gain = (module(probe) - shift) / core(probe)
    direction = core(states) * gain
    along, across = made - shift, direction
    if made.dtype == torch.float16:  # squares of ordinary states are more than it holds
        along, across = along.float(), across.float()
    size = (along * across).sum(-1) / across.square().sum(-1).clamp_min(torch.finfo(made.dtype).tiny)
    norm = FrozenNorm(centres, (gain * size[:, None]).to(made.dtype), shift)
    return norm if _same(norm(states), made) else None


def _same(left: Tensor, right: Tensor) -> bool:
    tolerance = max(1e-4, 16 * torch.finfo(left.dtype).eps) * float(right.abs().max())
    return bool(((left - right).abs() <= tolerance + 1e-12).all())
