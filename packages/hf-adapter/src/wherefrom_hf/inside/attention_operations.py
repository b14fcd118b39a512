"""The operations that attention is made of, recognised as they run and handed to whoever takes part in them.

Nothing here knows a model class. Attention is a softmax followed by a product of its result with the values, in
whatever module it runs; what is multiplied otherwise, two values that both depend on the input, are queries and keys.
Masks, positions, caps on the scores, attention sinks and grouped heads stay the model's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from wherefrom_hf.inside.attention_watch import grouped
from wherefrom_hf.inside.rescale_rules import is_variable

Multiply = Callable[[Tensor, Tensor], Tensor]

SOFTMAX = (functional.softmax, torch.softmax, Tensor.softmax)
PRODUCTS = (torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__)
BASED_PRODUCTS = (torch.baddbmm, Tensor.baddbmm)
KEEPS_WEIGHTS = (
    Tensor.to,
    Tensor.type,
    Tensor.type_as,
    Tensor.float,
    Tensor.view,
    Tensor.reshape,
    Tensor.contiguous,
    Tensor.__getitem__,
    functional.dropout,
    torch.dropout,
)
"""What may be done to attention weights before they meet the values."""
_WEIGHTS = "_wherefrom_attention_weights"


class AttentionOperations(TorchFunctionMode):
    """While active, softmax and products of values that are differentiated go through the methods below."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = 0

    def softmax(self, compute: Callable[[Tensor], Tensor], scores: Tensor, dim: int) -> Tensor:
        """Softmax of ``scores`` along ``dim``, as ``compute`` does it."""
        return compute(scores)

    def weighted(self, multiply: Multiply, weights: Tensor, values: Tensor) -> Tensor:
        """Attention weights, shape ``(..., queries, keys)``, times values."""
        return multiply(weights, values)

    def product(self, multiply: Multiply, left: Tensor, right: Tensor) -> Tensor:
        """Any other matrix product of two tensors that both depend on the input: queries times keys."""
        return multiply(left, right)

    def other(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Whatever else is called."""
        return func(*args, **kwargs)

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            return self._fused(*args, **kwargs)
        if func in SOFTMAX:
            return self._softmax(func, *args, **kwargs)
        if func in PRODUCTS:
            return self._product(func, *args, **kwargs)
        if func in BASED_PRODUCTS:
            return self._based_product(*args, **kwargs)
        if func is torch.einsum:
            return self._einsum(*args)
        answer = self.other(func, args, kwargs)
        if func in KEEPS_WEIGHTS and args and is_weights(args[0]):
            setattr(answer, _WEIGHTS, True)
        return answer

    def _softmax(self, func: Any, input: Tensor, dim: int = -1, *rest: Any, **kwargs: Any) -> Tensor:
        if not is_variable(input):
            return func(input, dim, *rest, **kwargs)
        answer = self.softmax(lambda scores: func(scores, dim, *rest, **kwargs), input, dim)
        setattr(answer, _WEIGHTS, True)
        return answer

    def _product(self, func: Multiply, input: Tensor, other: Any = None, *, mat2: Any = None) -> Tensor:
        right = mat2 if other is None else other
        if is_weights(input):
            return self.weighted(func, input, right)
        if is_variable(input) and is_variable(right):
            return self.product(func, input, right)
        return func(input, right)

    def _based_product(
        self, input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
    ) -> Tensor:
        if not (is_variable(batch1) and is_variable(batch2)):
            return torch.baddbmm(input, batch1, batch2, beta=beta, alpha=alpha)
        multiplied = self._product(torch.bmm, batch1, batch2) * alpha
        return multiplied if beta == 0 else beta * input + multiplied

    def _einsum(self, equation: str, *operands: Any) -> Tensor:
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
        if len(operands) != 2:
            return torch.einsum(equation, *operands)
        return self._product(lambda left, right: torch.einsum(equation, left, right), *operands)

    def _fused(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Attention in one call, taken apart."""
        if enable_gqa:
            key, value = (grouped(x, query.shape[-3]) for x in (key, value))
        scores = self._product(torch.matmul, query, key.transpose(-1, -2))
        scores = scores * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None:
            hidden = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if hidden else scores + attn_mask
        return self._product(torch.matmul, self._softmax(torch.softmax, scores, -1), value)


def is_weights(value: Any) -> bool:
    """Did it come out of a softmax?"""
    return isinstance(value, Tensor) and hasattr(value, _WEIGHTS)
