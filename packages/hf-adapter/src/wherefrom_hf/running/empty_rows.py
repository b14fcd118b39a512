"""Attention of a query that sees nothing is nothing, as fused kernels have it.

A plain softmax over scores that are all masked alike is uniform over all keys: hidden ones, and those that stand later.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from wherefrom_hf.running.attention_kernel import Kernel
from wherefrom_hf.running.eager import configs_of
from wherefrom_hf.running.parts import parts_of


class EmptyRows:
    """An observer that takes out what the plain kernel gives queries that see no key."""

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute attention as it is, but for such queries."""
        context, weights = kernel(module, *inputs, **options)
        _, key, _, mask, *_ = inputs
        if mask is None:
            return context, weights
        empty = (mask[..., : key.shape[-2]] <= torch.finfo(mask.dtype).min / 2).all(-1)
        return context.masked_fill(empty.transpose(1, 2)[..., None], 0.0), weights


def may_be_empty(module: PreTrainedModel, *visible: Tensor | None) -> bool:
    """Does plain attention compute this model's rows, and is so much hidden that a query sees nothing?

    Args:
        visible: Masks, shape ``(rows, length)``: the decoder's, whose queries see what is not later, or an encoder's.
    """
    hidden = any(one is not None and not bool(one[:, 0].all()) for one in visible)
    return hidden and any(config._attn_implementation_internal == "eager" for config in configs_of(parts_of(module)))
