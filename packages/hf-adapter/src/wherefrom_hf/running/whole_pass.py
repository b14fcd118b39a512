"""One forward pass of several rows in one graph, from the embeddings or from a layer on, and the way back.

Where `gradients` cuts the sequence for speed, this keeps it whole: layers and multipliers need every position at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Row, Side
from wherefrom.adapters.layers import Depth, LayerStates
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.answering import with_first
from wherefrom_hf.running.chunking import products_at_once
from wherefrom_hf.running.derivatives import differentiable_values
from wherefrom_hf.running.head import one_per_position, output_layer, reads
from wherefrom_hf.running.jacobian import vector_jacobian_products
from wherefrom_hf.running.lengths import lengths_of
from wherefrom_hf.running.padding import decoder_batch, encoder_batch, pad_embeddings, read_length
from wherefrom_hf.running.parts import CHANNELS_FIRST, find_layer
from wherefrom_hf.running.passes import EncoderStates, run_encoder, start_run
from wherefrom_hf.running.positions import first_position, said_limit
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.scaled import Scaled, kept_as
from wherefrom_hf.running.stacks import blocks_at, outermost_lists, side_of, stack_of

Parts = Mapping[Side, Sequence[nn.Module]]
"""The modules whose answers are differentiated, by the side on which they run."""


def parts_at(predictor: Predictor, layer: Any) -> Parts:
    """The modules that run in the place of ``layer``: a name, a part of the model or a `Depth`.

    For an embedding that is tied to both sides' these are both of them.
    """
    if isinstance(layer, Depth):
        return {side: [block] for side, block in blocks_at(predictor.module, layer).items()}
    part = find_layer(predictor.module, layer)
    sides = [side.module for side in (predictor.source, predictor.target) if side is not None]
    weight = getattr(part, "weight", None)
    tied = [side for side in sides if weight is not None and getattr(side, "weight", None) is weight]
    executed = [part]
    if isinstance(part, nn.Embedding) and tied:
        executed = list({id(one): one for one in tied}.values())
    return {"source": executed, "target": executed}


@frozen(eq=False)
class Leaves:
    """What gradients are taken of, one line per row: embeddings, or a layer's answers."""

    of: dict[Side, Tensor] = field(factory=dict)
    """Shape ``(rows, length, width)``."""


@frozen(eq=False)
class WholePass:
    """A forward pass with its graph."""

    rows: Sequence[Row]
    states: Tensor
    """States in front of the output layer, shape ``(rows, length, width)``."""
    picked: Tensor
    """The states that are read, a leaf of the output layer's own graph, shape ``(reads, 1, width)``."""
    logits: Tensor
    """Shape ``(reads, vocabulary)``."""
    pairs: tuple[Tensor, Tensor]
    """(row, position) of each read."""
    leaves: Leaves

    def split(self, values: Tensor) -> list[Tensor]:
        """Values of all reads, row by row."""
        return list(torch.split(values, [len(row.steps) for row in self.rows]))

    def evaluated(self) -> tuple[list[Tensor], Tensor]:
        """Values of each row's steps, shape ``(steps,)``, and d(value)/d(logits), shape ``(reads, vocabulary)``."""
        at = at_least_single(self.logits).detach().requires_grad_()
        values = [differentiable_values(row.asked(), part) for row, part in zip(self.rows, self.split(at), strict=True)]
        (output_gradients,) = torch.autograd.grad(torch.cat(values).sum(), at)
        return [value.detach() for value in values], output_gradients

    def backward(self, output_gradients: Tensor, count: int) -> list[dict[Side, Tensor]]:
        """Gradients at the leaves, for each of the first ``count`` rows ``(outputs, length, width)`` by side.

        Args:
            output_gradients: d(value)/d(logits) of each step, shape ``(reads, vocabulary)``.
        """
        return self.products([(self.states, self.at_states(output_gradients))], self.leaves.of, count)

    def at_states(self, output_gradients: Tensor) -> Tensor:
        """d(value)/d(state in front of the output layer) of each step, shape ``(reads, width)``."""
        scaled = Scaled.of([output_gradients], [self.logits.dtype], [self.picked], alone=1)
        (at_states,) = torch.autograd.grad(self.logits, self.picked, scaled.cotangents)
        return scaled.back(at_states[:, 0]).to(kept_as(self.states.dtype))

    def products(
        self, cut_points: Sequence[tuple[Tensor, Tensor]], leaves: Mapping[Side, Tensor], count: int
    ) -> list[dict[Side, Tensor]]:
        """Vector-Jacobian products of every output, batched.

        Args:
            cut_points: Tensors in the graph, shape ``(rows, length, ...)``, each with its cotangent at the reads, shape
                ``(reads, ...)``. Reads of one output are added up.
            leaves: What is differentiated with respect to, shape ``(rows, length, ...)``.
            count: For the first so many rows.

        Returns:
            For each row ``(outputs, length, ...)`` by side.
        """
        sides = list(leaves)
        wanted = [leaves[side] for side in sides]
        outputs = [_outputs(row) for row in self.rows[:count]]
        counts = [row.target_function.outputs for row in self.rows[:count] if row.target_function is not None]
        most = max(counts, default=0)
        slot = torch.from_numpy(np.concatenate(outputs)).to(self.states.device)
        reads_of_rows, positions = (part[: len(slot)] for part in self.pairs)
        found: list[list[Tensor]] = [[] for _ in sides]
        at_once = products_at_once(self.states.device, sum(part.shape[0] * part.shape[1] for part in wanted))
        for first in range(0, most, at_once):
            size = min(at_once, most - first)
            chosen = (slot >= first) & (slot < first + size)
            cotangents = []
            for top, at_reads in cut_points:
                cotangent = top.new_zeros((size, *top.shape), dtype=kept_as(top.dtype))
                where = (slot[chosen] - first, reads_of_rows[chosen], positions[chosen])
                cotangents.append(cotangent.index_put_(where, at_reads[: len(slot)][chosen], accumulate=True))
            done = first + size >= most
            grads = vector_jacobian_products([top for top, _ in cut_points], wanted, cotangents, retain=not done)
            for part, grad in zip(found, grads, strict=True):
                part.append(grad)
        whole = [torch.cat(part) for part in found]
        return [
            {side: part[:outputs, i, : length_of(row, side)] for side, part in zip(sides, whole, strict=True)}
            for i, (row, outputs) in enumerate(zip(self.rows[:count], counts, strict=True))
        ]


def length_of(row: Row, side: Side) -> int:
    """How many positions of a row are run on one side."""
    if side == "target":
        return read_length(row)
    return 0 if row.source_ids is None else len(row.source_ids)


def run_whole(
    predictor: Predictor, rows: Sequence[Row], *, parts: Parts | None, given: Sequence[LayerStates] | None = None
) -> WholePass:
    """Run rows with gradients from the embeddings, or from the answers of ``parts`` on.

    Args:
        given: What the layer shall answer for each row.
    """
    for row in rows:
        row.asked()
    leaves = Leaves()
    watch = None if parts is None else _Watch(predictor.module, parts, leaves, given, len(rows))
    encoder = _encode(predictor, rows, leaves, watch)
    batch = decoder_batch(
        rows, predictor.fill, predictor.device, None if watch is None else partial(watch.padded, "target")
    )
    embeddings = pad_embeddings([row.target_embeds for row in rows], predictor.target.of(batch.ids)).detach()
    if watch is None:
        leaves.of["target"] = embeddings.requires_grad_()
    steps = [torch.from_numpy(row.steps) for row in rows]
    pairs = reads(steps, 0, predictor.device)
    head: dict[str, Tensor] = {} if watch is None else watch.head
    with (
        predictor.target.replaced_by(embeddings),
        _watching(watch, "target"),
        _reading(predictor.module, *pairs, head),
    ):
        output, _ = start_run(predictor.module, encoder).forward(batch.ids, batch.visible, keep=False)
    if not leaves.of:
        names = sorted({type(part).__name__ for some in (parts or {}).values() for part in some})
        raise ModelCapabilityError(
            f"{', '.join(names)} did not run in this pass, so nothing can be attributed to it. Choose another part."
        )
    return WholePass(rows, head["states"], head["picked"], output.logits[:, 0], pairs, leaves)


def _encode(predictor: Predictor, rows: Sequence[Row], leaves: Leaves, watch: _Watch | None) -> EncoderStates | None:
    """Encoder states with every row on a line of its own."""
    if predictor.source is None:
        return None
    batch = encoder_batch(
        rows, predictor.fill, predictor.device, None if watch is None else partial(watch.padded, "source")
    )
    distinct = pad_embeddings([row.source_embeds for row in batch.rows], predictor.source.of(batch.ids))
    embeddings = distinct[batch.of_row].detach()
    if watch is None:
        leaves.of["source"] = embeddings.requires_grad_()
    with predictor.source.replaced_by(embeddings), _watching(watch, "source"):
        encoder = run_encoder(predictor.module, batch.ids[batch.of_row], batch.visible[batch.of_row])
    if watch is not None:
        watch.need_positions()
    return encoder


@contextmanager
def _reading(module: Any, rows: Tensor, positions: Tensor, seen: dict[str, Tensor]) -> Iterator[None]:
    """Within the block the output layer sees the read states only, one per line: ``(reads, 1, width)``.

    Args:
        seen: Is given all states and those that are read, once they are there.
    """

    def pick(head: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen["states"] = one_per_position(inputs[0])
        seen["picked"] = inputs[0][rows, positions].unsqueeze(1).detach().requires_grad_()
        return (seen["picked"], *inputs[1:])

    handle = output_layer(module).register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()


@frozen(eq=False)
class _Watch:
    """Turns a layer's answers into leaves, after replacing them by what is given.

    Whose positions an answer has is told by its shape: rows, source and target are padded to numbers that differ.
    """

    module: PreTrainedModel
    parts: Parts
    leaves: Leaves
    given: Sequence[LayerStates] | None
    rows: int
    lengths: dict[Side, int] = field(factory=dict)
    """How many positions each side is run for, padding included."""
    inside: list[int] = field(factory=list)
    """Of how many the encoder's blocks are given states: some encoders pad on their own."""
    head: dict[str, Tensor] = field(factory=dict)
    """What was read in front of the output layer, once it runs."""

    def padded(self, side: Side, longest: int) -> int:
        """What a side is padded to, its longest row having so many positions: another number than that of the rows and
        of the other side's positions, where the model reads so many alike."""
        stack, length = side_of(self.module, side), longest
        # one row of one position is the same in either order
        while length in self.lengths.values() or length == self.rows > 1:
            length += 1
        config = stack.config if isinstance(stack, PreTrainedModel) else self.module.config
        limit = said_limit(config.get_text_config())
        readable = limit is None or length + first_position(stack) <= limit
        alike = lengths_of(self.module).alike(side, length, longest)
        self.lengths[side] = length if readable and alike else longest
        return self.lengths[side]

    def entered(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Hook: a block of the encoder is given states."""
        given = next((one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)), None)
        if given is not None and given.ndim == 3 and given.shape[0] == self.rows:
            self.inside.append(given.shape[1])

    def answer(self, side: Side, part: nn.Module, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple | list) else output
        side = self._whose(side, part, states)
        if side in self.leaves.of:
            raise ModelCapabilityError(
                f"{type(part).__name__} runs more than once in a pass, so its answer is not one thing. Choose another."
            )
        if not torch.is_grad_enabled():
            raise ModelCapabilityError(
                f"{type(part).__name__} runs where {type(self.module).__name__} keeps nothing to differentiate "
                "(reversible layers are computed anew on the way back). Choose a part behind such layers, or use "
                "occlusion or lime."
            )
        leaf = states.detach()
        if self.given is not None:
            leaf = pad_embeddings([one.source if side == "source" else one.target for one in self.given], leaf)
        leaf = leaf.clone().requires_grad_()
        self.leaves.of[side] = leaf
        return with_first(output, leaf)

    def need_positions(self) -> None:
        """Refuse an answer of the encoder, which has run, whose second axis is not that of its positions.

        Raises:
            ModelCapabilityError: As it says.
        """
        leaf = self.leaves.of.get("source")
        if leaf is not None and leaf.shape[1] not in (self.lengths["source"], *self.inside):
            raise self._refusal(self.parts["source"][0], leaf)

    def _whose(self, side: Side, part: nn.Module, states: Any) -> Side:
        """Whose positions an answer has: of a decoder's part, those of the encoder's states where it was given these.

        Raises:
            ModelCapabilityError: It has none, or it cannot be told.
        """
        if self.head:
            raise ModelCapabilityError(
                f"{type(part).__name__} is the output layer or a part of it, which runs at the positions that are read "
                "alone. Choose a part in front of it: the last block, the norm behind it."
            )
        rows_first = isinstance(states, Tensor) and states.ndim == 3 and states.shape[0] == self.rows
        if not rows_first or isinstance(part, CHANNELS_FIRST):
            raise self._refusal(part, states)
        length = states.shape[1]
        whose: list[Side] = [side] if side == "source" else [one for one in self.lengths if self.lengths[one] == length]
        if not whose:
            raise self._refusal(part, states)
        if len(whose) > 1 or length == self.rows > 1:
            raise ModelCapabilityError(
                f"{type(part).__name__} answers {tuple(states.shape)}, which does not tell rows, source and target "
                "apart: two of them are as many. Run another number of rows at once (internal_batch_size), or give a "
                "source or a target of another length."
            )
        return whose[0]

    def _refusal(self, part: nn.Module, states: Any) -> ModelCapabilityError:
        shape = tuple(states.shape) if isinstance(states, Tensor) else type(states).__name__
        positions = " or ".join(f"{length} ({side})" for side, length in self.lengths.items())
        return ModelCapabilityError(
            f"{type(part).__name__} answers {shape}; a layer to attribute to must answer one vector per position, "
            f"({self.rows}, positions, width), where positions are {positions}. Choose a block, an attention or a "
            "feed-forward part."
        )


@contextmanager
def _watching(watch: _Watch | None, side: Side) -> Iterator[None]:
    """Within the block, which runs one side of the model, the layer's answers are leaves."""
    parts = () if watch is None else watch.parts.get(side, ())
    if watch is None or not parts:
        yield
        return

    def answered(part: nn.Module, inputs: Any, output: Any) -> Any:
        return watch.answer(side, part, output)

    with ExitStack() as stack:
        for module in parts:
            stack.callback(module.register_forward_hook(answered).remove)
        if side == "source" and any(outermost_lists(side_of(watch.module, side))):
            block = stack_of(watch.module, side)[0]
            stack.callback(block.register_forward_pre_hook(watch.entered, with_kwargs=True).remove)
        yield


def _outputs(row: Row) -> np.ndarray:
    """Output number of each step of a row."""
    return row.asked().output_of_step
