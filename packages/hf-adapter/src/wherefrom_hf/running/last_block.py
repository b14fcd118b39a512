"""The cut inside a decoder's last block: behind its attention, every position is on its own.

What a step's value depends on, between the last attention and the output layer, is its own position alone. One backward
pass therefore gives, for all steps together, the gradients with respect to the last attention's result and to the
block's own input (its residual connection), and the backward passes of single steps begin there: the last feed-forward
layer and output projection are not repeated for each of them. Whether a model is built so is tried on it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from transformers import PreTrainedModel

from wherefrom_hf.running.attention_kernel import KERNEL, AttentionOrder, Kernel, hidden_input, observed_by
from wherefrom_hf.running.embedding import InputEmbedding
from wherefrom_hf.running.passes import start_run
from wherefrom_hf.running.trials import Trial


@frozen(eq=False)
class LastBlock:
    """Where the cut is made."""

    block: nn.Module
    attention: nn.Module
    """The module in it that asks for an attention kernel, once per pass."""


class BlockCut:
    """What passes the cut during one forward pass; an observer of attention."""

    def __init__(self, where: LastBlock, *, detach_state: bool = False) -> None:
        self._where = where
        self._detach_state = detach_state
        self._context: Tensor | None = None
        self._leaf: Tensor | None = None
        self._state: Tensor | None = None

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute attention; the last one's result is handed on as a new beginning."""
        context, weights = kernel(module, *inputs, **options)
        if module is self._where.attention:
            self._context = context
            self._leaf = context = context.detach().requires_grad_()
        return context, weights

    def enter(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note the block's input, or put a new beginning in its place."""
        self._state = hidden_input(args, kwargs)
        if not self._detach_state:
            return None
        self._state = self._state.detach().requires_grad_()
        if args:
            return (self._state, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": self._state}

    @property
    def cut_points(self) -> list[Tensor]:
        """Where single steps' backward passes begin, in the body's graph: ``(rows, length, ...)`` each."""
        assert self._context is not None
        assert self._state is not None
        return [self._context, self._state]

    @property
    def ends(self) -> list[Tensor]:
        """Where the common backward pass ends: as `cut_points`, on its side of the cut."""
        assert self._leaf is not None
        assert self._state is not None
        return [self._leaf, self._state]


@contextmanager
def cut_in(
    module: PreTrainedModel, where: LastBlock, *, detach_state: bool = False, implementation: str = KERNEL
) -> Iterator[BlockCut]:
    """Within the block, passes of ``module`` are cut behind the last attention, computed by ``implementation``."""
    cut = BlockCut(where, detach_state=detach_state)
    handle = where.block.register_forward_pre_hook(cut.enter, with_kwargs=True)
    try:
        with observed_by(module, cut, implementation):
            yield cut
    finally:
        handle.remove()


def find_last_block(module: PreTrainedModel, embedding: InputEmbedding) -> LastBlock | None:
    """The last block of a decoder-only model, if everything behind its attention keeps to its own position.

    It is tried on three tokens: with the cut in place, the value of the second may depend on the second position
    alone, and on nothing that goes around the cut. None: it does not, or attention cannot be watched.
    """
    if module.config.is_encoder_decoder:
        return None
    with Trial():
        return _tried(module, embedding)
    return None  # the model is built in a way that the trial does not fit: no cut


def _tried(module: PreTrainedModel, embedding: InputEmbedding) -> LastBlock | None:
    device = embedding.weight.device
    ids = torch.zeros((1, 3), dtype=torch.long, device=device)
    order = AttentionOrder()
    with torch.no_grad(), observed_by(module, order):
        start_run(module).forward(ids, None, keep=False)
    where = _around(module, order.modules)
    if where is None:
        return None
    leaf = embedding.of(ids).requires_grad_()
    with torch.enable_grad(), embedding.replaced_by(leaf), cut_in(module, where, detach_state=True) as cut:
        output, _ = start_run(module).forward(ids, None, keep=False)
        value = output.logits[0, 1].sum()
        ends = torch.autograd.grad(value, [*cut.ends, leaf], allow_unused=True)
    *own, around = ends
    alone = all(end is not None and end.ndim >= 3 and not end[:, [0, 2]].any() for end in own)
    return where if alone and around is None else None


def _around(module: PreTrainedModel, asked: list[nn.Module]) -> LastBlock | None:
    """The last module that asked for attention, if it did so once, and the outermost list's member it is in."""
    if not asked or asked.count(asked[-1]) != 1:
        return None
    attention = asked[-1]
    for part in module.modules():
        if isinstance(part, nn.ModuleList):
            for block in part:
                if any(inner is attention for inner in block.modules()):
                    return LastBlock(block=block, attention=attention)
    return None
