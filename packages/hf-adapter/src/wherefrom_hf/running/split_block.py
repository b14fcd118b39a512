"""A decoder's block in two parts: its attention, and what is behind it.

Only attention looks at other positions. What follows, most of a block's weights and by far the widest of its states,
keeps to its own position: it may be run on a few hundred positions at a time, which needs little memory, stays near the
processor and makes no difference to what comes out. Whether a block is built so is tried by whoever cuts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from attrs import define, frozen
from torch import Tensor, nn
from transformers import PreTrainedModel

from wherefrom_hf.running.answering import answering, first_tensor, with_first
from wherefrom_hf.running.attention_kernel import FUSED, AttentionOrder, hidden_input, observed_by
from wherefrom_hf.running.embedding import InputEmbedding
from wherefrom_hf.running.passes import start_run


@frozen(eq=False)
class BlockArguments:
    """What a block was called with, its state left out."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @staticmethod
    def of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> BlockArguments:
        """The call that was made, whose state is `hidden_input`."""
        if args:
            return BlockArguments((_STATE, *args[1:]), kwargs)
        state = hidden_input(args, kwargs)
        return BlockArguments(args, {name: _STATE if value is state else value for name, value in kwargs.items()})

    def given(self, state: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments with a state in its place."""
        return (
            tuple(state if one is _STATE else one for one in self.args),
            {name: state if one is _STATE else one for name, one in self.kwargs.items()},
        )

    def at(self, positions: slice, length: int) -> BlockArguments:
        """Those of some of ``length`` positions."""
        return BlockArguments(
            tuple(at_positions(one, positions, length) for one in self.args),
            {name: at_positions(one, positions, length) for name, one in self.kwargs.items()},
        )

    def run(self, block: nn.Module, state: Tensor) -> Tensor:
        """The state that the block makes of another."""
        args, kwargs = self.given(state)
        return first_tensor(block(*args, **kwargs))


_STATE = object()
"""Stands where a block is given its state."""


def at_positions(value: Any, positions: slice | Tensor, length: int) -> Any:
    """A block's argument for some of ``length`` positions, where it goes with positions: states, numbers of positions,
    their sines and cosines, masks."""
    if isinstance(value, tuple):
        return tuple(at_positions(one, positions, length) for one in value)
    if not isinstance(value, Tensor):
        return value
    by_queries = has_queries(value, length)
    if value.ndim >= 2 and value.shape[1] == length and not by_queries:
        return value[:, positions]
    if by_queries:  # a mask, or sines and cosines for all heads
        cut = value[:, :, positions]
        return cut[..., positions] if _is_mask(value) else cut
    if value.ndim in (1, 2) and value.shape[0] == length:
        return value[positions]
    return value


def has_queries(value: Tensor, length: int) -> bool:
    """Is it laid out as attention is, ``(rows, heads, queries, ...)``? There may be as many heads as queries."""
    return value.ndim == 4 and value.shape[2] == length


def _is_mask(value: Tensor) -> bool:
    """Is it a mask of queries and keys? Sines and cosines of as many frequencies are positive somewhere."""
    return value.shape[-1] == value.shape[-2] and (value.dtype == torch.bool or not bool((value > 0).any()))


@define(eq=False)
class SplitBlock:
    """A block, and the module in it whose answer is all that positions learn of each other."""

    block: nn.Module
    attention: nn.Module
    alone: bool = True
    """Does attention, its kernel apart, keep to single positions?"""
    _answered: Any = None
    """What attention answered last, its states replaced by none."""

    def attended(self, call: BlockArguments, state: Tensor) -> Tensor:
        """The answer of attention to a state, shape ``(rows, length, width)``; what is behind it does not run."""

        def stop(part: nn.Module, args: Any, output: Any) -> None:
            raise _AttendedError(output)

        handle = self.attention.register_forward_hook(stop)
        args, kwargs = call.given(state)
        try:
            self.block(*args, **kwargs)
        except _AttendedError as reached:
            found = first_tensor(reached.output)
            self._answered = with_first(reached.output, found.new_empty(0))
            return found
        finally:
            handle.remove()
        raise RuntimeError(f"{type(self.block).__name__} ran without asking {type(self.attention).__name__}")

    def behind(self, call: BlockArguments, state: Tensor, attended: Tensor) -> Tensor:
        """The state that the block makes of a state and the answer of attention, both of the same few positions."""
        with answering(self.attention, with_first(self._answered, attended)):
            return call.run(self.block, state)


class _AttendedError(Exception):
    """Ends a block's pass: attention has answered."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def splits_of(
    module: PreTrainedModel, embedding: InputEmbedding, members: Sequence[nn.Module]
) -> tuple[SplitBlock | None, ...]:
    """Each block with the one module in it that asks for attention; None where none does, or several do."""
    ids = torch.zeros((1, 3), dtype=torch.long, device=embedding.weight.device)
    order = AttentionOrder()
    with torch.no_grad(), observed_by(module, order, FUSED):
        start_run(module).forward(ids, None, keep=False)
    found: list[SplitBlock | None] = []
    for block in members:
        inner = set(block.modules())
        asked = [one for one in order.modules if one in inner and one is not block]
        found.append(SplitBlock(block, asked[0]) if len(asked) == 1 else None)
    return tuple(found)
