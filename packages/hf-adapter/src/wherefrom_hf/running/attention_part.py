"""The attention of one block in a graph of its own, and cotangents carried back through it.

The graph has a gap where the kernel is: queries, keys and values end the first part, the kernel's result begins the
second. Across the gap cotangents go many at once (`attention_products`). Where the kernel computes more than softmax
attention there is no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wherefrom_hf.running.attention_kernel import Kernel, observing
from wherefrom_hf.running.attention_products import SoftmaxAttention
from wherefrom_hf.running.split_block import BlockArguments, SplitBlock


class AttentionPart:
    """What attention answers to a block's state, and the way back to it; an observer of attention."""

    def __init__(self, split: SplitBlock, call: BlockArguments, given: Tensor) -> None:
        """Run it on the state ``given``, of which gradients are asked."""
        self._asker = split.attention
        self._given = given
        self._around: SoftmaxAttention | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._leaf: Tensor | None = None
        with torch.enable_grad(), observing(self):
            self.answer = split.attended(call, given)

    def attend(
        self, kernel: Kernel, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *others: Any, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        """Compute attention; where it is softmax attention its result is a new beginning."""
        if module is not self._asker or len(others) > 1:
            return kernel(module, query, key, value, *others, **options)
        given = {**options, "attention_mask": others[0] if others else options.get("attention_mask")}
        self._around = SoftmaxAttention.of(module, query, key, value, given)
        if self._around is None:
            return kernel(module, query, key, value, *others, **options)
        with torch.no_grad():
            context, weights = kernel(module, query, key, value, *others, **options)
        self._inputs = (query, key, value)
        self._leaf = context.detach().requires_grad_()
        return self._leaf, weights

    def room(self) -> int:
        """Bytes that one cotangent takes at most between both parts of the graph, beside its place behind them."""
        _query, *others = self._inputs or (self.answer,)
        return sum(one.nbytes for one in others)

    def add_back(self, above: Tensor, below: Tensor) -> None:
        """Add to ``below`` what cotangents ``above``, of the answer, are at the state. Shape ``(outputs, ...)`` each.

        Those above are overwritten where what comes behind them is as large.
        """
        if self._around is None or self._leaf is None:
            for one, total in zip(above, below, strict=True):
                _add((self.answer,), (one,), self._given, total)
            return
        fits = above[0].numel() == self._leaf.numel() and above.dtype == self._leaf.dtype and above.is_contiguous()
        at_kernel = above.view(-1, *self._leaf.shape) if fits else above.new_empty((len(above), *self._leaf.shape))
        for one, total, kernel in zip(above, below, at_kernel, strict=True):
            _add((self.answer,), (one,), self._given, total, self._leaf, kernel)
        products = self._around.products(at_kernel.to(self._leaf.dtype), self._leaf.detach())
        for total, *ones in zip(below, *products, strict=True):
            _add(self._inputs, ones, self._given, total)


def _add(
    made: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    given: Tensor,
    total: Tensor,
    leaf: Tensor | None = None,
    at_leaf: Tensor | None = None,
) -> None:
    """Add the gradient at ``given`` to ``total``, and write the one at ``leaf`` to ``at_leaf``.

    What is made does not always depend on what was given: only where a gate behind the kernel reads the state does the
    answer, and a layer may read keys and values that another made.
    """
    known = [(one, at.to(one.dtype)) for one, at in zip(made, cotangents, strict=True) if one.requires_grad]
    if not known:
        return
    ends = [given] if leaf is None else [given, leaf]
    outputs, above = zip(*known, strict=True)
    grads = torch.autograd.grad(outputs, ends, above, retain_graph=True, allow_unused=True)
    if grads[0] is not None:
        total += grads[0]
    if at_leaf is not None:
        at_leaf.copy_(grads[1])
