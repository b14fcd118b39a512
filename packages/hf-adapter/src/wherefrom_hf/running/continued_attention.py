"""Attention of queries that go on behind keys which all of them see.

Under a mask a fused kernel computes the whole rectangle of queries and keys. Here the keys before the queries are one
part, which needs no mask, and the queries' own keys another, of which only the triangle is computed. What comes out is
put together by the logarithms of their sums of exponentials. Heads that read the same keys are so many more queries in
the first part: nothing is repeated.

Source: Rabe & Staats 2021, https://arxiv.org/abs/2112.05682 (attention in parts); Dao et al. 2022,
https://arxiv.org/abs/2205.14135.
"""

from __future__ import annotations

from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

from wherefrom_hf.running.attention_kernel import Kernel
from wherefrom_hf.running.attention_products import SoftmaxAttention

LEAST_POSITIONS = 64
"""Positions that either part must have to be worth it."""

_STRIP = 512
"""Queries whose part of a mask is looked at together."""


@define(eq=False)
class ContinuedAttention:
    """An observer of attention that computes it in two parts, where the mask is the one of rows that go on."""

    _masks: dict[int, tuple[Tensor, bool]] = field(factory=dict)
    """Those seen so far, kept alive so that none takes the place of another, and whether they are that one."""

    def attend(
        self, kernel: Kernel, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *others: Any, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        """Compute attention; see `wherefrom_hf.running.attention_kernel.Observer`."""
        mask = others[0] if others else options.get("attention_mask")
        if len(others) < 2 and mask is not None and query.shape[-1] == value.shape[-1]:
            found = SoftmaxAttention.of(module, query, key, value, {**options, "attention_mask": mask})
            if found is not None and self._goes_on(mask, query.shape[2], key.shape[2]):
                return _in_two(found), None
        return kernel(module, query, key, value, *others, **options)

    def _goes_on(self, mask: Tensor, queries: int, keys: int) -> bool:
        """Does each query see all keys up to its own, which are the last ones?"""
        if id(mask) not in self._masks:
            self._masks[id(mask)] = mask, 0 < queries < keys and _sees_all_before(mask, queries, keys)
        return self._masks[id(mask)][1]


def _sees_all_before(visible: Tensor, queries: int, keys: int) -> bool:
    before = keys - queries
    if visible.shape[-2:] != (queries, keys) or not visible[..., :before].all():
        return False
    at = torch.arange(queries, device=visible.device)
    strips = (slice(start, start + _STRIP) for start in range(0, queries, _STRIP))
    return all(bool((visible[..., strip, before:] == (at <= at[strip, None])).all()) for strip in strips)


def _in_two(asked: SoftmaxAttention) -> Tensor:
    """What comes out, shape ``(rows, queries, heads, width)``."""
    query, key, value = asked.query, asked.key, asked.value
    heads, length = query.shape[1:3]
    kinds = (key.shape[1], heads // key.shape[1])  # heads of keys, and how many read each
    before = key.shape[2] - length
    seen, seen_sums = _fused(
        query.unflatten(1, kinds).flatten(2, 3), key[:, :, :before], value[:, :, :before], asked.scale, causal=False
    )
    own_key, own_value = (one[:, :, before:].repeat_interleave(kinds[1], 1) for one in (key, value))
    own, own_sums = _fused(query, own_key, own_value, asked.scale, causal=True)
    share = torch.sigmoid(seen_sums.unflatten(2, (kinds[1], length)) - own_sums.unflatten(1, kinds))
    both = own.unflatten(1, kinds).lerp_(seen.unflatten(2, (kinds[1], length)), share[..., None])
    return both.flatten(1, 2).transpose(1, 2).contiguous()


def _fused(query: Tensor, key: Tensor, value: Tensor, scale: float, *, causal: bool) -> tuple[Tensor, Tensor]:
    """PyTorch's fused attention of the host, and the logarithms of sums, shape ``(rows, heads, queries)``."""
    made: tuple[Tensor, Tensor] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, causal, scale=scale
    )
    return made
