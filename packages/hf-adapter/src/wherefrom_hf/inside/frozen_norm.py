"""Normalisation layers with their statistics fixed: affine maps, one per position.

A layer is recognised by what it does. It normalises if its output does not change with the scale of its
input; it also centres if its output does not change when a constant is added. Gain and bias are read off
from two probes, the statistics from the pass in question, and the resulting map must give that pass's
output again. A layer in half precision is read in single: its gain would be one of eight or eleven bits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.func import functional_call

from wherefrom_hf.running.precision import at_least_single, same_numbers

_LARGE = 1e3
"""Probes are scaled by this, so that the small constant under a norm's square root does not matter."""


@frozen(eq=False)
class FrozenNorm:
    """``(x - mean) · scale + shift`` or ``x · scale + shift``, with ``scale`` as it was in one pass.

    In single precision at least.
    """

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
    states, made = (at_least_single(one).reshape(-1, width) for one in (given, output))
    run = _in_single(module)
    probe = torch.arange(width, device=states.device, dtype=states.dtype) / width + 1
    probe[::2] *= -1
    try:
        made_large = run(_LARGE * probe)
    except TypeError:  # it takes more than one tensor
        return None
    if not _same(made_large, run(2 * _LARGE * probe)):
        return None
    centres = _same(made_large, run(_LARGE * (probe + 1)))
    shift = run(torch.zeros_like(probe))

    def core(x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if centres else x

    gain = (run(probe) - shift) / core(probe)
    along, across = made - shift, core(states) * gain
    size = (along * across).sum(-1) / across.square().sum(-1).clamp_min(torch.finfo(made.dtype).tiny)
    norm = FrozenNorm(centres, gain * size[:, None], shift)
    return norm if _same(norm(states), made, output.dtype) else None


def _in_single(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """``module`` as it computes with its weights in single precision at least, and answers so."""
    held = {name: at_least_single(one) for name, one in (*module.named_parameters(), *module.named_buffers())}
    return lambda given: at_least_single(functional_call(module, held, (given,)))


def _same(left: Tensor, right: Tensor, made_in: torch.dtype | None = None) -> bool:
    eps = torch.finfo(left.dtype if made_in is None else made_in).eps
    return same_numbers(left, right, max(1e-4, 16 * eps))
