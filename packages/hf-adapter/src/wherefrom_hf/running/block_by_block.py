"""Gradients through a long sequence, one block of the model at a time.

A graph over thousands of positions and all blocks does not fit beside most models. A decoder's blocks hand one state
on: so the forward pass keeps the states between blocks and no graph, and on the way back each block is run once more,
now with its graph, and the cotangents of *all* outputs are pulled through it before it is let go. Beside the outputs'
own gradients, memory is one block's graph and the states; the price is one more forward pass for any number of outputs,
and another where only every few states can be kept.

Whether a model's blocks are built so is tried on it once: gradients must come out as through the whole graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from attrs import define, field, frozen
from torch import Tensor, nn
from transformers import PreTrainedModel

from wherefrom_hf.running.attention_kernel import hidden_input
from wherefrom_hf.running.embedding import InputEmbedding
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.jacobian import vector_jacobian_products
from wherefrom_hf.running.passes import start_run
from wherefrom_hf.running.stacks import stack_of

_STATES_PART = 0.4
"""Part of the memory limit that states between blocks may take before some are left out and made again."""

_SAME = 1e-3
"""Part of the largest gradient by which both ways may differ in the trial."""


@frozen(eq=False)
class Blocks:
    """The blocks of a decoder, each a function of the state that the one before gave."""

    members: tuple[nn.Module, ...]
    bytes_per_position: int
    """What the graph of one block keeps of each position."""

    def stride(self, state_bytes: int, limit: int) -> int:
        """Keep the state in front of every how-many-th block, so that states stay within their part of ``limit``."""
        count = len(self.members)
        return 1 if count * state_bytes <= _STATES_PART * limit else math.isqrt(count - 1) + 1


@define(eq=False)
class BlockPass:
    """What a forward pass left between the blocks."""

    blocks: Blocks
    stride: int
    bottom: Tensor | None = None
    """The state that the first block was given, in the graph of what made it."""
    top: Tensor | None = None
    """The state that the last block was given: where the graph of the rest begins."""
    _states: dict[int, Tensor] = field(factory=dict)
    _calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(factory=list)
    _modes: list[bool] = field(factory=list)

    def enter(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Hook: a block but the last begins, and keeps no graph."""
        state = hidden_input(args, kwargs)
        index = len(self._calls)
        if index == 0:
            self.bottom = state
        if index % self.stride == 0:
            self._states[index] = state.detach()
        self._calls.append(_without_state(args, kwargs))
        self._modes.append(torch.is_grad_enabled())
        torch.set_grad_enabled(False)

    def leave(self, block: nn.Module, args: Any, output: Any) -> None:
        """Hook: it ended, also by an error."""
        torch.set_grad_enabled(self._modes.pop())
        if self.bottom is not None:
            hand_back_freed(self.bottom)

    def enter_last(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Hook: the last block begins, with a graph of its own."""
        self.top = hidden_input(args, kwargs).detach().requires_grad_()
        return _with_state(_without_state(args, kwargs), self.top)

    def backward(self, cotangents: Tensor, at_once: int) -> None:
        """Turn d(value)/d(top) into d(value)/d(bottom), in place. Shape ``(outputs, rows, length, width)``."""
        below = len(self.blocks.members) - 1
        for start in reversed(range(0, below, self.stride)):
            states = [self._states.pop(start)]
            indices = range(start, min(start + self.stride, below))
            with torch.no_grad():
                for index in indices[:-1]:
                    states.append(self._run(index, states[-1]))
            for index in reversed(indices):
                with torch.enable_grad():
                    given = states.pop().detach().requires_grad_()
                    made = self._run(index, given)
                for first in range(0, len(cotangents), at_once):
                    some = cotangents[first : first + at_once]
                    last = first + at_once >= len(cotangents)
                    (grads,) = vector_jacobian_products([made], [given], [some.to(made.dtype)], retain=not last)
                    cotangents[first : first + at_once] = grads.to(cotangents.dtype)
                    del grads
                hand_back_freed(made)
                del given, made

    def _run(self, index: int, state: Tensor) -> Tensor:
        args, kwargs = _with_state(self._calls[index], state)
        output = self.blocks.members[index](*args, **kwargs)
        made: Tensor = output if isinstance(output, Tensor) else output[0]
        return made


_STATE = object()
"""Stands where a block is given its state."""


def _without_state(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if args:
        return (_STATE, *args[1:]), kwargs
    state = hidden_input(args, kwargs)
    return args, {name: _STATE if value is state else value for name, value in kwargs.items()}


def _with_state(call: tuple[tuple[Any, ...], dict[str, Any]], state: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, kwargs = call
    return (
        tuple(state if one is _STATE else one for one in args),
        {name: state if one is _STATE else one for name, one in kwargs.items()},
    )


@contextmanager
def passed_by_blocks(blocks: Blocks, stride: int) -> Iterator[BlockPass]:
    """Within the block, which runs one pass, all blocks but the last keep states instead of a graph."""
    kept = BlockPass(blocks, stride)
    *body, last = blocks.members
    with ExitStack() as stack:
        for block in body:
            stack.callback(block.register_forward_pre_hook(kept.enter, with_kwargs=True).remove)
            stack.callback(block.register_forward_hook(kept.leave, always_call=True).remove)
        stack.callback(last.register_forward_pre_hook(kept.enter_last, with_kwargs=True).remove)
        yield kept
    # from here on the hooks are gone: blocks are run again as they are


def find_blocks(module: PreTrainedModel, embedding: InputEmbedding) -> Blocks | None:
    """The blocks of a decoder-only model, if gradients come out the same through one after the other.

    None: they do not, or there are none.
    """
    if module.config.is_encoder_decoder:
        return None
    try:
        members = tuple(stack_of(module, "target"))
        return _tried(module, embedding, members) if len(members) > 1 else None
    except torch.OutOfMemoryError:
        raise
    except Exception:  # the model is built in a way that the trial does not fit: the whole graph is kept
        return None


def _tried(module: PreTrainedModel, embedding: InputEmbedding, members: tuple[nn.Module, ...]) -> Blocks | None:
    device = embedding.weight.device
    length = 12
    ids = (torch.arange(length, device=device)[None] * 7 + 1) % embedding.weight.shape[0]
    leaf = embedding.of(ids).detach().requires_grad_()

    def values() -> Tensor:
        with embedding.replaced_by(leaf):
            output, _ = start_run(module).forward(ids, None, keep=False)
        return output.logits[0, [length // 2, length - 1]].logsumexp(-1).sum()

    with torch.enable_grad():
        (whole,) = torch.autograd.grad(values(), leaf)
        weighed = _Weighed()
        with passed_by_blocks(Blocks(members, 0), 1) as kept, weighed.hooks():
            value = values()
        assert kept.top is not None
        assert kept.bottom is not None
        (at_top,) = torch.autograd.grad(value, kept.top)
        cotangents = at_top[None].clone()
        kept.backward(cotangents, 1)
        (apart,) = vector_jacobian_products([kept.bottom], [leaf], [cotangents.to(kept.bottom.dtype)], retain=False)
    if not torch.allclose(apart[0], whole, rtol=0, atol=_SAME * float(whole.abs().max())):
        return None
    return Blocks(members, weighed.bytes // length)


class _Weighed:
    """How many bytes a graph keeps, each piece of memory counted once."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        return sum(self._seen.values())

    def hooks(self) -> Any:
        def keep(tensor: Tensor) -> Tensor:
            if not isinstance(tensor, nn.Parameter):
                storage = tensor.untyped_storage()
                self._seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        return torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
