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


def sees_nothing(target: Tensor | None, source: Tensor | None) -> bool:
    """Is so much hidden that a query sees nothing?

    Args:
        target: The decoder's mask, shape ``(rows, length)``; its queries do not see what is later. None: all is seen.
        source: The encoder's mask, likewise; None: there is none.
    """
    beginning = target is not None and not bool(target[:, 0].all())
    return beginning or (source is not None and not bool(source.any(-1).all()))


def computed_plainly(module: PreTrainedModel) -> bool:
    """Does plain attention compute this model's rows?"""
    return any(config._attn_implementation_internal == "eager" for config in configs_of(parts_of(module)))
