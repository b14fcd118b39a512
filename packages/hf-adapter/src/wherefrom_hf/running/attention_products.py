"""Vector-Jacobian products of softmax attention, of many cotangents at once.

A fused kernel never holds the weights of attention, so it makes them again for every cotangent. Here a strip of
weights, some queries by all keys that they see, is made once and serves all cotangents: four matrix
products each and one pass over the strip, in tiles that stay near the processor.

With weights P = softmax(s Q K^T), a cotangent C of P V, and D the sum of C * P V over each query's channels:
dV = P^T C, G = P * (C V^T - D), dQ = s G K, dK = s G^T Q. D goes along in the product, as one channel more of C where
V has ones. Cotangents of keys are summed up transposed: products of a wide matrix and few lines are the quicker ones.
Source: Dao et al. 2022, FlashAttention, https://arxiv.org/abs/2205.14135, appendix B.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

_LINES = 192
"""Queries times heads in a strip."""

_KEYS = 512
"""Keys in a tile: with as many lines, weights and cotangents of a tile fit beside each other near the processor."""


@frozen(eq=False)
class SoftmaxAttention:
    """What softmax attention is computed from."""

    query: Tensor
    """Shape ``(rows, heads, queries, width)``."""
    key: Tensor
    """Shape ``(rows, key_heads, keys, width)``; each serves as many heads as there are more of queries."""
    value: Tensor
    """Shape ``(rows, key_heads, keys, value_width)``."""
    visible: Tensor | None
    """True where a query sees a key, shape ``(rows or 1, heads or 1, queries, keys)``; None: up to its own position."""
    scale: float

    @staticmethod
    def of(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, options: Mapping[str, Any]
    ) -> SoftmaxAttention | None:
        """A call of transformers' fused kernel; None where it asks for more than softmax attention.

        None too in half precision, which would be rounded between the products.
        """
        visible = options.get("attention_mask")
        causal = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        more = options.get("dropout") or options.get("position_bias") is not None or options.get("cache") is not None
        if more or query.dtype not in (torch.float32, torch.float64) or query.shape[1] % key.shape[1]:
            return None
        if visible is None and not (causal and query.shape[2] == key.shape[2]):
            return None
        if visible is not None and (visible.dtype != torch.bool or visible.shape[-1] != key.shape[2]):
            return None
        scale = options.get("scaling")
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        return SoftmaxAttention(query.detach(), key.detach(), value.detach(), visible, float(scale))

    @torch.no_grad()
    def products(self, cotangents: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cotangents of query, key and value from those of the context: ``(cotangents, *shape)`` each.

        The context is what came out, shape ``(rows, queries, heads, value_width)``. Where queries are as wide as values
        the query's cotangents take the place of those that were given, strip by strip.
        """
        count, (rows, heads, length, width) = len(cotangents), self.query.shape
        by_head = cotangents.transpose(2, 3)
        fits = by_head.shape[1:] == self.query.shape and by_head.dtype == self.query.dtype
        of_query = by_head if fits else self.query.new_zeros((count, rows, heads, length, width))
        of_key = self.key.new_zeros((*self.key.shape[:2], count, *self.key.shape[:1:-1]))
        of_value = self.value.new_zeros((*self.value.shape[:3], count, self.value.shape[3]))
        shared = heads // self.key.shape[1]
        sums = torch.stack([(one * context).sum(-1) for one in cotangents]).transpose(2, 3)
        for row in range(rows):
            for head in range(self.key.shape[1]):
                some = slice(head * shared, (head + 1) * shared)
                ends = (of_query[:, row, some], of_key[row, head], of_value[row, head])
                self._of_head(row, head, some, by_head[:, row, some], sums[:, row, some], ends)
        return of_query, of_key.permute(2, 0, 1, 4, 3), of_value.permute(3, 0, 1, 2, 4)

    def _of_head(
        self, row: int, head: int, heads: slice, above: Tensor, sums: Tensor, ends: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        """Fill in the products of the heads that read one head's keys.

        Args:
            above: Cotangents, shape ``(cotangents, heads, queries, value_width)``.
            sums: Over what came out, times them.
            ends: Where products go: ``(cotangents, heads, queries, width)``, ``(cotangents, width, keys)`` and ``(keys,
                cotangents, value_width)``.
        """
        count, shared, length, width = above.shape
        key, value = self.key[row, head], self.value[row, head]
        of_query, of_key, of_value = ends
        of_values = of_value.view(len(value), count * width)
        with_ones = torch.cat([value, value.new_ones((len(value), 1))], 1)
        strip = max(1, _LINES // shared)
        room = key.new_empty(shared * strip * _KEYS)
        for start in range(0, length, strip):
            here = slice(start, min(start + strip, length))
            lines = shared * (here.stop - start)
            of_strip = above[:, :, here]
            if is_zero(of_strip):  # nothing comes back to these queries: in the last block, to most
                continue
            cotangents = torch.cat([of_strip, -sums[:, :, here, None]], -1).view(count, lines, width + 1)
            query = self.query[row, heads, here].reshape(lines, -1) * self.scale
            seen = self._seen(row, heads, here)
            weights = self._weights(query, key, row, heads, here, seen)
            side_by_side = of_strip.permute(1, 2, 0, 3).reshape(lines, count * width)
            transposed = query.T.contiguous()
            at_queries = key.new_zeros((count, lines, key.shape[-1]))
            for tile in _tiles(seen):
                weight = weights[:, tile.start - seen.start : tile.stop - seen.start].contiguous()
                of_values[tile].addmm_(weight.T, side_by_side)
                inner = room[: weight.numel()].view_as(weight)
                keys, values = key[tile], with_ones[tile].T
                for one, at_query, at_key in zip(cotangents, at_queries, of_key[:, :, tile], strict=True):
                    torch.mm(one, values, out=inner)
                    inner.mul_(weight)
                    at_query.addmm_(inner, keys, alpha=self.scale)
                    at_key.addmm_(transposed, inner)
            of_query[:, :, here] = at_queries.view(count, shared, -1, key.shape[-1])

    def _seen(self, row: int, heads: slice, here: slice) -> slice:
        """The stretch of keys that any of these queries sees."""
        if self.visible is None:
            return slice(0, here.stop)
        at = self._visible(row, heads, here).flatten(0, -2).any(0).nonzero()
        return slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)

    def _visible(self, row: int, heads: slice, here: slice) -> Tensor:
        """Which keys these queries see, shape ``(heads or 1, queries, keys)``."""
        assert self.visible is not None
        of_row = self.visible[row if len(self.visible) > 1 else 0]
        return of_row[heads if len(of_row) > 1 else slice(None), here]

    def _weights(self, query: Tensor, key: Tensor, row: int, heads: slice, here: slice, seen: slice) -> Tensor:
        """Weights of a strip, shape ``(heads * queries, keys seen)``."""
        scores = torch.mm(query, key[seen].T)
        apart = scores.view(heads.stop - heads.start, here.stop - here.start, -1)
        if self.visible is None:
            queries = apart.shape[1]
            later = torch.ones((queries, queries), dtype=torch.bool, device=key.device).triu(1)
            apart[:, :, here].masked_fill_(later, float("-inf"))
            return torch.softmax(scores, -1)
        apart.masked_fill_(~self._visible(row, heads, here)[..., seen], float("-inf"))
        return torch.softmax(scores, -1).nan_to_num_(0.0)  # a query that sees nothing has no weights


def is_zero(cotangents: Tensor) -> bool:
    """Is there nothing in them? One channel of each tells where there is something, at little cost."""
    return not bool(cotangents[..., 0].any()) and not bool(cotangents.any())


def _tiles(seen: slice) -> Iterator[slice]:
    return (slice(start, min(start + _KEYS, seen.stop)) for start in range(seen.start, seen.stop, _KEYS))
