"""The attention of one block in a graph of its own, and cotangents carried back through it.

The graph has a gap where the kernel is: queries, keys and values end the first part, the kernel's result begins the
second. Across the gap cotangents go many at once (`attention_products`). Both parts keep to single positions in most
models, and are graphs of a few hundred positions each then. Where the kernel computes more than softmax attention there
is no gap, and one graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from attrs import define, frozen
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from wherefrom_hf.running.attention_kernel import Kernel, observing
from wherefrom_hf.running.attention_products import SoftmaxAttention
from wherefrom_hf.running.in_pieces import pieces
from wherefrom_hf.running.precision import same_numbers
from wherefrom_hf.running.scaled import Scaled
from wherefrom_hf.running.split_block import BlockArguments, SplitBlock

_SAME = 1e-4
"""Part of the largest number by which queries, keys and values of a piece may differ from those of the whole."""


@frozen(eq=False)
class _Graph:
    """What attention does to some positions, on both sides of the kernel."""

    here: slice
    given: Tensor
    """The block's state, of which gradients are asked."""
    inputs: tuple[GradientEdge | None, ...]
    """Where queries, keys and values are in the graph: they need not be kept themselves. None where there is no gap."""
    leaf: Tensor | None
    """What the kernel gave, where there is one."""
    answer: Tensor


class AttentionPart:
    """What attention answers to a block's state, and the way back to it."""

    def __init__(self, split: SplitBlock, call: BlockArguments, given: Tensor, size: int) -> None:
        """Run it on the state ``given``, where it can be in pieces of ``size`` positions."""
        self._size = size
        found = _in_pieces(split, call, given, size) if split.alone and size < given.shape[1] else None
        self._kernel, self._graphs = _whole(split, call, given) if found is None else found

    def answer(self, piece: slice) -> Tensor:
        """What attention answers to one of the pieces, shape ``(rows, positions, width)``."""
        if len(self._graphs) > 1:
            return self._graphs[piece.start // self._size].answer.detach()
        return self._graphs[0].answer.detach()[:, piece]

    @property
    def width(self) -> int:
        """Of an answer."""
        return self._graphs[0].answer.shape[-1]

    def room(self) -> int:
        """Bytes that one cotangent takes at most between both parts of the graph, beside its place behind them."""
        if self._kernel is None:
            return self._graphs[0].answer.nbytes
        return self._kernel.asked.key.nbytes + self._kernel.asked.value.nbytes

    def add_back(self, above: Tensor, below: Tensor) -> None:
        """Add to ``below`` what cotangents ``above``, of the answer, are at the state. Shape ``(outputs, ...)`` each.

        Those above are overwritten where what comes behind them is as large.
        """
        if self._kernel is None:
            (graph,) = self._graphs
            for one, total in zip(above, below, strict=True):
                _add((_edge(graph.answer),), (one,), graph.answer.dtype, graph.given, total)
            return
        context = self._kernel.context
        fits = above[0].numel() == context.numel() and above.dtype == context.dtype and above.is_contiguous()
        at_kernel = above.view(-1, *context.shape) if fits else above.new_empty((len(above), *context.shape))
        for graph in self._graphs:
            here, answer = graph.here, graph.answer
            for one, total, kernel in zip(above, below, at_kernel, strict=True):
                asked = (one[:, here],)
                _add((_edge(answer),), asked, answer.dtype, graph.given, total[:, here], graph.leaf, kernel[:, here])
        products = self._kernel.asked.products(at_kernel.to(context.dtype), context)
        for graph in self._graphs:
            for total, *ones in zip(below, *products, strict=True):
                asked = tuple(one[:, :, graph.here] for one in ones)
                _add(graph.inputs, asked, context.dtype, graph.given, total[:, graph.here])


@frozen(eq=False)
class _Computed:
    """What the kernel was asked, and its result for all positions."""

    asked: SoftmaxAttention
    context: Tensor
    """Shape ``(rows, queries, heads, width)``."""


@define(eq=False)
class _AtKernel:
    """An observer of attention: computes it, or gives what was computed before, as a new beginning of the graph."""

    module: nn.Module
    """Whose attention it is."""
    known: Tensor | None = None
    """What the kernel gave before."""
    stops: bool = False
    """Is what comes behind the kernel left out?"""
    computed: _Computed | None = None
    """What it was asked and gave, where that is softmax attention."""
    inputs: tuple[Tensor, ...] = ()
    leaf: Tensor | None = None

    def graph(self, here: slice, given: Tensor, answer: Tensor) -> _Graph:
        """That of a pass which it took part in."""
        return _Graph(here, given, tuple(_edge(one) for one in self.inputs), self.leaf, answer)

    def attend(
        self, kernel: Kernel, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *others: Any, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        """See `wherefrom_hf.running.attention_kernel.Observer`."""
        if module is not self.module or len(others) > 1:
            return kernel(module, query, key, value, *others, **options)
        self.inputs = (query, key, value)
        if self.known is not None:
            self.leaf = self.known.detach().requires_grad_()
            return self.leaf, None
        given = {**options, "attention_mask": others[0] if others else options.get("attention_mask")}
        asked = SoftmaxAttention.of(module, query, key, value, given)
        if asked is None:
            self.inputs = ()
            return kernel(module, query, key, value, *others, **options)
        with torch.no_grad():
            context, weights = kernel(module, query, key, value, *others, **options)
        self.computed = _Computed(asked, context.detach())
        if self.stops:
            raise _ComputedError
        self.leaf = context.detach().requires_grad_()
        return self.leaf, weights


class _ComputedError(Exception):
    """Ends a block's pass: the kernel has answered."""


def _whole(split: SplitBlock, call: BlockArguments, given: Tensor) -> tuple[_Computed | None, list[_Graph]]:
    """One graph of all positions."""
    kernel = _AtKernel(split.attention)
    with torch.enable_grad(), observing(kernel):
        answer = split.attended(call, given)
    return kernel.computed, [kernel.graph(slice(None), given, answer)]


def _in_pieces(
    split: SplitBlock, call: BlockArguments, given: Tensor, size: int
) -> tuple[_Computed, list[_Graph]] | None:
    """A graph for each piece; None where the kernel is another, or is asked something else of a piece alone."""
    length = given.shape[1]
    whole = _AtKernel(split.attention, stops=True)
    try:
        with torch.no_grad(), observing(whole):
            split.attended(call, given.detach())
    except _ComputedError:
        pass
    found = whole.computed
    if found is None:
        return None
    asked = (found.asked.query, found.asked.key, found.asked.value)
    graphs = []
    for here in pieces(length, size):
        state = given.detach()[:, here].requires_grad_()
        kernel = _AtKernel(split.attention, found.context[:, here])
        with torch.enable_grad(), observing(kernel):
            answer = split.attended(call.at(here, length), state)
        if any(one.shape[2] != state.shape[1] for one in kernel.inputs):
            return None
        graphs.append(kernel.graph(here, state, answer))
    # the last piece is the farthest from where it would be if it were all there is
    same = all(same_numbers(one, other[:, :, here], _SAME) for one, other in zip(kernel.inputs, asked, strict=True))
    return (found, graphs) if same else None


def _edge(made: Tensor) -> GradientEdge | None:
    """Where a tensor is in its graph; None: in none."""
    return get_gradient_edge(made) if made.requires_grad else None


def _add(
    made: Sequence[GradientEdge | None],
    cotangents: Sequence[Tensor],
    dtype: torch.dtype,
    given: Tensor,
    total: Tensor,
    leaf: Tensor | None = None,
    at_leaf: Tensor | None = None,
) -> None:
    """Add the gradient at ``given`` to ``total``, and write the one at ``leaf`` to ``at_leaf``.

    What is made is of type ``dtype``.

    What is made does not always depend on what was given: only where a gate behind the kernel reads the state does the
    answer, and a layer may read keys and values that another made.
    """
    known = [(edge, above) for edge, above in zip(made, cotangents, strict=True) if edge is not None]
    if not known:
        return
    ends = [given] if leaf is None else [given, leaf]
    edges, above = zip(*known, strict=True)
    scaled = Scaled.of(above, [dtype] * len(above), ends, alone=1)
    grads = torch.autograd.grad(edges, ends, scaled.cotangents, retain_graph=True, allow_unused=True)
    if grads[0] is not None:
        total += scaled.back(grads[0])
    if at_leaf is not None:
        at_leaf.copy_(scaled.back(grads[1]))
