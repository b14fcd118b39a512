"""Gates between attention and its output projection: factors, element by element, that do not look at the context.

With the gate as it was in the pass, what the projection reads is still linear in the values. That what stands there is
a gate and no mixture is tried: the block is run again with its context scaled, and what the projection reads must scale
with it, element by element. A norm of root mean squares with its statistics fixed is such a factor too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_watch import Attended, BlockCall
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.running.attention_kernel import Kernel, observed_by
from wherefrom_hf.running.precision import at_least_single, same_numbers


class _Scaled:
    """A kernel whose result is scaled in one module."""

    def __init__(self, module: nn.Module, factors: Tensor) -> None:
        self.module = module
        self.factors = factors

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        context, weights = kernel(module, *inputs, **options)
        return (context * self.factors if module is self.module else context), weights


@torch.no_grad()
def gate_of(module: PreTrainedModel, one: Attended, call: BlockCall) -> Tensor | None:
    """What the context of ``one`` is multiplied by before its projection reads it; None: nothing.

    Shape ``(queries, heads, size of a head)``; 0 where the context is 0.

    Raises:
        ModelCapabilityError: What stands there is neither gate nor norm.
    """
    if one.gated is None or one.projection is None:
        return None
    flat = one.context.flatten(-2)
    if one.between is not None:
        norm = freeze(one.between, flat, one.gated)
        if norm is None or norm.centres or bool(norm.shift.any()):
            raise _refusal(one)
        return norm.scale.view(one.context.shape[1:])
    context, gated = at_least_single(flat), at_least_single(one.gated)
    gate = torch.where(flat == 0, 0.0, gated / torch.where(flat == 0, 1.0, context))
    factors = 1 + 0.5 * torch.sin(torch.arange(flat.numel(), device=flat.device, dtype=flat.dtype)).view(flat.shape)
    seen: list[Tensor] = []
    handle = one.projection.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[0]))
    try:
        with observed_by(module, _Scaled(one.module, factors.view(one.context.shape))):
            call.module(*call.args, **call.kwargs)
    finally:
        handle.remove()
    expected = gated * factors
    part = max(1e-3, 4 * torch.finfo(flat.dtype).eps)
    if not seen or not same_numbers(seen[0].reshape(expected.shape), expected, part):
        raise _refusal(one)
    return gate[0].view(one.context.shape[1:])


def _refusal(one: Attended) -> ModelCapabilityError:
    return ModelCapabilityError(
        f"In {one.name} more than a gate or a norm of root mean squares stands between the weighted values and the "
        "output projection, so its output cannot be written as a sum over positions. Use a method without internals: "
        "saliency, occlusion. value_zeroing may work too."
    )
