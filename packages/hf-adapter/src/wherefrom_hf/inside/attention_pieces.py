"""What attention is made of in PyTorch: softmax, a product with the values, and both in one call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SOFTMAX = (functional.softmax, torch.softmax, Tensor.softmax)
PRODUCTS = (torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__)
KEEPS_WEIGHTS = (
    Tensor.to,
    Tensor.type,
    Tensor.type_as,
    Tensor.float,
    Tensor.view,
    Tensor.reshape,
    Tensor.contiguous,
    functional.dropout,
    torch.dropout,
)
"""What may be done to attention weights before they meet the values."""


class Pieces(NamedTuple):
    """Attention in one call, taken apart."""

    weights: Tensor
    """Shape ``(..., heads, queries, keys)``."""
    values: Tensor
    """As many heads as there are of queries."""
    context: Tensor


def grouped(values: Tensor, heads: int) -> Tensor:
    """Key/value heads repeated until there are as many as query heads. Shape ``(..., heads, keys, size)``."""
    return values.repeat_interleave(heads // values.shape[-3], dim=-3)


def taken_apart(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    product: Callable[[Any, Tensor, Tensor], Tensor] = lambda multiply, left, right: multiply(left, right),
    softmax: Callable[[Any, Tensor, int], Tensor] = lambda compute, scores, dim: compute(scores, dim),
) -> Pieces:
    """The call ``scaled_dot_product_attention`` with these arguments, without dropout.

    Args:
        product: Makes both matrix products; is given the function that does.
        softmax: Makes the softmax, likewise.
    """
    if enable_gqa:
        key, value = (grouped(x, query.shape[-3]) for x in (key, value))
    scores = product(torch.matmul, query, key.transpose(-1, -2))
    scores = scores * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        hidden = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -torch.inf) if hidden else scores + attn_mask
    weights = softmax(torch.softmax, scores, -1)
    return Pieces(weights, value, product(torch.matmul, weights, value))
