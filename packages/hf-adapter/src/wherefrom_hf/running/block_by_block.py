"""Gradients through a long sequence, one block of the model at a time.

A graph over thousands of positions and all blocks does not fit beside most models. A decoder's blocks hand one state
on: so the forward pass keeps the states between blocks (`kept_states`) and no graph, and on the way back each block is
run once more, now with its graph, and the cotangents of *all* outputs are pulled through it before it is let go. Beside
the outputs' own gradients, memory is one block's graph and the states that are kept there; the price is one more
forward pass for any number of outputs, and another where only every few states can be kept.

Whether a model's blocks are built so is tried on it once: gradients must come out as through the whole graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from attrs import define, field, frozen
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from transformers import PreTrainedModel

from wherefrom_hf.running.answering import first_tensor, with_first
from wherefrom_hf.running.as_built import is_watched, put_back
from wherefrom_hf.running.attention_kernel import hidden_input
from wherefrom_hf.running.attention_part import AttentionPart
from wherefrom_hf.running.attention_products import is_zero
from wherefrom_hf.running.embedding import InputEmbedding
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.in_pieces import PIECE, pieces
from wherefrom_hf.running.jacobian import vector_jacobian_products
from wherefrom_hf.running.kept_states import KeptStates
from wherefrom_hf.running.passes import start_run
from wherefrom_hf.running.precision import same_numbers
from wherefrom_hf.running.scaled import kept_as
from wherefrom_hf.running.split_block import BlockArguments, SplitBlock, splits_of
from wherefrom_hf.running.stacks import stack_of
from wherefrom_hf.running.trials import Trial

_ATTENTION_STATES = 15
"""As many states as there are while cotangents go through a block's attention: the embeddings, what it computed, and
what was freed and is kept."""

_SAME = 1e-3
"""Part of the largest gradient by which both ways may differ in the trial."""

_TRIED_PIECE = 5
"""Positions that are carried back together in the trial: some of its twelve."""


@frozen(eq=False)
class Blocks:
    """The blocks of a decoder, each a function of the state that the one before gave."""

    members: tuple[nn.Module, ...]
    splits: tuple[SplitBlock | None, ...]
    """Each in two parts, where it may be cut behind its attention."""
    bytes_per_position: int
    """What the graph of one block keeps of each position."""


@define(eq=False)
class BlockPass:
    """What a forward pass left between the blocks."""

    blocks: Blocks
    states: KeptStates
    """In front of the blocks."""
    piece: int
    """Positions that are carried back together behind attention."""
    bottom: GradientEdge | None = None
    """Where the state that the first block was given is, in the graph of what made it."""
    dtype: torch.dtype | None = None
    """Of that state."""
    top: Tensor | None = None
    """The state that the last block gave, where the graph of the rest begins; none on the way back."""
    _calls: list[BlockArguments] = field(factory=list)
    _modes: list[bool] = field(factory=list)

    def enter(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Hook: a block begins, and keeps no graph."""
        state = hidden_input(args, kwargs)
        index = len(self._calls)
        if index == 0:
            self.bottom, self.dtype = get_gradient_edge(state), state.dtype
        self.states.keep(index, state)
        self._calls.append(BlockArguments.of(args, kwargs))
        self._modes.append(torch.is_grad_enabled())
        torch.set_grad_enabled(False)

    def leave(self, block: nn.Module, args: Any, output: Any) -> None:
        """Hook: it ended, also by an error."""
        torch.set_grad_enabled(self._modes.pop())
        if output is not None:
            hand_back_freed(first_tensor(output))

    def leave_last(self, block: nn.Module, args: Any, output: Any) -> Any:
        """Hook: the last block ended, and a graph of its own begins."""
        self.top = first_tensor(output).detach().requires_grad_()
        return with_first(output, self.top)

    def backward(self, cotangents: Tensor, at_once: int, limit: int) -> None:
        """Turn d(value)/d(top) into d(value)/d(bottom), in place. Shape ``(outputs, rows, length, width)``.

        Args:
            at_once: Outputs that are carried back together through what is not split.
            limit: Bytes that are there for it, beside the cotangents themselves.
        """
        self.top = None
        count, stride = len(self.blocks.members), self.states.stride
        for start in reversed(range(0, count, stride)):
            states = [self.states.take(start)]
            indices = range(start, min(start + stride, count))
            with torch.no_grad():
                for index in indices[:-1]:
                    states.append(self._run(index, states[-1]))
                    hand_back_freed(states[-1], limit=limit)
            for index in reversed(indices):
                given = states.pop().detach().requires_grad_()
                split = self.blocks.splits[index]
                if split is None or is_watched(split.block.modules()):
                    self._through(index, given, cotangents, at_once, limit)
                else:
                    kept = self.states.nbytes + sum(state.nbytes for state in states)
                    self._through_split(split, self._calls[index], given, cotangents, limit, kept)
                del given

    def bytes_of_first(self) -> int:
        """What the graph of the first block keeps."""
        weighed, state = _Weighed(self.blocks.members[0]), self.states.take(0)
        self.states.keep(0, state)
        with torch.enable_grad(), weighed.hooks():
            made = self._run(0, state.detach().requires_grad_())
        del made
        return weighed.bytes

    def _through(self, index: int, given: Tensor, cotangents: Tensor, at_once: int, limit: int) -> None:
        """Carry cotangents back through a whole block."""
        with torch.enable_grad():
            made = self._run(index, given)
        for first in range(0, len(cotangents), at_once):
            some, keep = slice(first, first + at_once), first + at_once < len(cotangents)
            (grads,) = vector_jacobian_products([made], [given], [cotangents[some]], retain=keep)
            cotangents[some] = grads.to(cotangents.dtype)
        hand_back_freed(given, limit=limit)

    def _through_split(
        self,
        split: SplitBlock,
        call: BlockArguments,
        given: Tensor,
        cotangents: Tensor,
        limit: int,
        kept: int,
    ) -> None:
        """Carry cotangents back through what is behind attention, piece by piece, and then through attention.

        Args:
            kept: Bytes of ``limit`` that the states of other blocks take. With less room fewer outputs go together.
        """
        size = max(1, self.piece // given.shape[0])
        part = AttentionPart(split, call, given, size)
        hand_back_freed(given, limit=limit)
        room = limit - kept - _ATTENTION_STATES * given.nbytes
        each = (cotangents[0].nbytes + part.room()) * 11 // 10  # and what a piece makes of it
        group = _evenly(len(cotangents), room // each)
        for first in range(0, len(cotangents), group):
            some = cotangents[first : first + group]
            of_attended = some.new_empty((*some.shape[:-1], part.width))
            for piece in pieces(given.shape[1], size):
                _through_piece(
                    split, call, (given[:, piece], part.answer(piece)), some[:, :, piece], of_attended[:, :, piece]
                )
            hand_back_freed(given, limit=limit, held=of_attended.nbytes)
            part.add_back(of_attended, some)
            del of_attended
            hand_back_freed(given, limit=limit)

    def _run(self, index: int, state: Tensor) -> Tensor:
        return self._calls[index].run(self.blocks.members[index], state)


def _through_piece(
    split: SplitBlock, call: BlockArguments, states: tuple[Tensor, Tensor], some: Tensor, of_attended: Tensor
) -> None:
    """Carry cotangents of a few positions back to their states, in place, and to the answers of attention there."""
    nowhere = [is_zero(one) for one in some]  # in the last block, what was read lies in few pieces
    if any(nowhere):
        of_attended[nowhere] = 0
    if all(nowhere):
        return
    ends = [state.detach().contiguous().requires_grad_() for state in states]
    with torch.enable_grad():
        made = split.behind(call, *ends)
    for one, at_attention, empty in zip(some, of_attended, nowhere, strict=True):
        if not empty:
            above = one[None].to(kept_as(made.dtype)).contiguous()
            grads = vector_jacobian_products([made], ends, [above], retain=True)
            at_attention.copy_(grads[1][0])  # first: where it is added last, this is the cotangent itself
            one.copy_(grads[0][0])


def _evenly(count: int, most: int) -> int:
    """The size of the fewest groups, all as large as each other, of at most so many."""
    return -(-count // -(-count // max(1, min(most, count))))


@contextmanager
def passed_by_blocks(blocks: Blocks, states: KeptStates, piece: int | None = None) -> Iterator[BlockPass]:
    """Within the context, which runs one pass, the model's blocks keep ``states`` instead of a graph."""
    kept = BlockPass(blocks, states, PIECE if piece is None else piece)
    with ExitStack() as stack:
        for block in blocks.members:
            stack.callback(block.register_forward_pre_hook(kept.enter, with_kwargs=True).remove)
            stack.callback(block.register_forward_hook(kept.leave, always_call=True).remove)
        stack.callback(blocks.members[-1].register_forward_hook(kept.leave_last).remove)
        yield kept
    # from here on the hooks are gone: blocks are run again as they are


def find_blocks(module: PreTrainedModel, embedding: InputEmbedding) -> Blocks | None:
    """The blocks of a decoder-only model, if gradients come out the same through one after the other.

    None: they do not, or there are none.
    """
    if module.config.is_encoder_decoder:
        return None
    with Trial():
        members = tuple(stack_of(module, "target"))
        with put_back(module):
            return _tried(module, embedding, members) if len(members) > 1 else None
    return None  # the model is built in a way that the trial does not fit: the whole graph is kept


def _tried(module: PreTrainedModel, embedding: InputEmbedding, members: tuple[nn.Module, ...]) -> Blocks | None:
    device = embedding.weight.device
    length = 12
    ids = (torch.arange(length, device=device)[None] * 7 + 1) % embedding.weight.shape[0]
    leaf = embedding.of(ids).detach().requires_grad_()

    def value() -> Tensor:
        with embedding.replaced_by(leaf):
            output, _ = start_run(module).forward(ids, None, keep=False)
        return output.logits[0, [length // 2, length - 1]].logsumexp(-1).sum()

    def apart(splits: tuple[SplitBlock | None, ...]) -> tuple[Tensor, int]:
        """The gradients that come out block by block, and what the graph of the first block keeps."""
        with passed_by_blocks(Blocks(members, splits, 0), KeptStates(), piece=_TRIED_PIECE) as kept:
            here = value()
        assert kept.top is not None
        assert kept.bottom is not None
        (at_top,) = torch.autograd.grad(here, kept.top)
        kept_bytes = kept.bytes_of_first()
        cotangents = at_top[None].clone()
        kept.backward(cotangents, 1, 0)
        (found,) = vector_jacobian_products([kept.bottom], [leaf], [cotangents], retain=False, dtype=kept.dtype)
        return found[0].to(leaf.dtype), kept_bytes

    unsplit: tuple[SplitBlock | None, ...] = (None,) * len(members)
    with torch.enable_grad():
        (whole,) = torch.autograd.grad(value(), leaf)
        found, kept_bytes = apart(unsplit)
        if not torch.isfinite(whole).all() or not same_numbers(found, whole, _SAME):
            return None
        splits = unsplit
        for cut in _cuts(module, embedding, members) if device.type == "cpu" else ():
            with Trial():  # blocks that cannot be cut so are cut less, or stay whole
                if same_numbers(apart(cut)[0], whole, _SAME):
                    splits = cut
                    break
    return Blocks(members, splits, kept_bytes // length)


def _cuts(
    module: PreTrainedModel, embedding: InputEmbedding, members: tuple[nn.Module, ...]
) -> list[tuple[SplitBlock | None, ...]]:
    """Ways to cut all blocks, the finest first."""
    finest: tuple[SplitBlock | None, ...] = ()
    with Trial():  # its attention cannot be watched
        finest = splits_of(module, embedding, members)
    coarser = tuple(None if one is None else SplitBlock(one.block, one.attention, alone=False) for one in finest)
    return [finest, coarser] if finest else []


class _Weighed:
    """How many bytes a graph keeps beside a module's own weights, each piece of memory counted once."""

    def __init__(self, module: nn.Module) -> None:
        self._own = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
        self._seen: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        return sum(self._seen.values())

    def hooks(self) -> Any:
        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._own:
                self._seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        return torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
