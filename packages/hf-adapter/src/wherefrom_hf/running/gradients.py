"""Gradients of all steps of a row from one shared forward pass.

The forward pass is cut twice. At the top, behind the last attention (`last_block`) or else at the output layer
(`head`), where every step is on its own: one backward pass gives d(value)/d(state) for every step.
Along the sequence: the decoder is run in segments that continue each other, and the steps of a segment are carried back
through the segments up to theirs, no further. Within a segment the backward passes of several steps are one batched
vector-Jacobian product. The encoder is run once; what the steps ask of its states is collected there and carried back
through it for all of them together.

Cost of T steps: one forward pass, T backward rows, none longer than its segment's end. A row whose graph would not fit
the memory limit goes block by block instead (`block_by_block`), for two or three forward passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from attrs import evolve, field, frozen
from torch import Tensor
from wherefrom.adapters import Row, RowGradients

from wherefrom_hf.running.activations import derivatives_kept
from wherefrom_hf.running.as_built import put_back
from wherefrom_hf.running.attention_kernel import FUSED, KERNEL
from wherefrom_hf.running.block_by_block import Blocks, find_blocks, passed_by_blocks
from wherefrom_hf.running.chunking import chunks_of, halving, positions_at_once, products_at_once
from wherefrom_hf.running.constants import constant_weights
from wherefrom_hf.running.derivatives import differentiable_values, true_derivatives
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.head import HeadCut, cut_at_head, reads
from wherefrom_hf.running.in_pieces import in_pieces
from wherefrom_hf.running.jacobian import Outputs, vector_jacobian_products
from wherefrom_hf.running.kept_states import Keeping, KeptStates, keeping
from wherefrom_hf.running.last_block import BlockCut, LastBlock, cut_in, find_last_block
from wherefrom_hf.running.lengths import by_length, gradients_joined
from wherefrom_hf.running.linear import quick_linear
from wherefrom_hf.running.padding import decoder_batch, encoder_batch, pad_embeddings, read_length
from wherefrom_hf.running.passes import EncoderStates, run_encoder, start_run
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.probe import looking_into
from wherefrom_hf.running.row_inside import CutPass, LooksInsideError, RowInside, whole_gradients
from wherefrom_hf.running.scaled import kept_as
from wherefrom_hf.running.shared_prefix import SharedPrefix, alike, shared_length

SEGMENT_STEPS = 16
"""Steps that are carried back through the same stretch of the sequence. Fewer waste less on positions that a step
cannot see; more make larger batches."""

_ENDS = 2
"""Embeddings that a path holds beside those of its points."""


@frozen(kw_only=True, eq=False)
class _Structure:
    """What was found out about how a model is built."""

    last_block: LastBlock | None
    blocks: Blocks | None
    """None where gradients cannot be taken block by block."""
    fused: bool
    """Does the model say the same with fused attention?"""
    plain: bool
    """Does it with plain attention?"""


@frozen(kw_only=True, eq=False)
class _Plan:
    """How some rows are to be run."""

    implementation: str | None
    """Of attention; None: the loaded one."""
    watched: str
    """Of attention that is watched, for the cut in the last block."""
    last_block: LastBlock | None
    blocks: Blocks | None
    """Given: block by block."""
    keeping: Keeping = field(factory=Keeping)
    """Of states between blocks."""
    limit: int = 0
    """Bytes that passes block by block may take."""


@frozen(eq=False)
class _CutPoints:
    """Where backward passes begin, and the gradients of all steps there."""

    tensors: list[Tensor]
    """In the body's graph, shape ``(rows, length, ...)`` each."""
    output_gradients: list[Tensor]
    """d(value)/d(tensor) at the read positions, shape ``(reads, ...)`` each."""


@frozen(eq=False)
class _EncoderPass:
    """The encoder's part of the graph, cut off from the decoder's."""

    leaf: Tensor
    """Embeddings of the distinct sources, shape ``(sources, length, width)``."""
    states: Tensor
    """What the encoder made of them, in its graph."""
    of_row: Tensor
    """Index of each row's source."""
    bridge: Tensor
    """The states once more, one line per row, as the decoder's leaf."""


@frozen(eq=False)
class _Leaves:
    """What the decoder's graph ends in: one leaf per segment, and the encoder's states."""

    target: list[Tensor]
    source: Tensor | None


class Differentiator:
    """Backward passes of one model."""

    def __init__(self, predictor: Predictor, build: int = 0) -> None:
        self.predictor = self._predictor = predictor
        self.build = build
        """Of the module, see `as_built`: what was found out is about this one."""
        self._found: _Structure | None = None

    def gradients(self, rows: Iterable[Row], chunk: int | None, source: bool, target: bool) -> Iterator[RowGradients]:
        """Answers in order; see `wherefrom.adapters.GivesGradients`."""
        self._predictor.probe.need_places()
        self._predictor.probe.warn_of_other_lookups()
        yield from by_length(
            self._predictor.module, rows, lambda some: self._gradients(some, chunk, source, target), gradients_joined
        )

    def _gradients(self, rows: Iterable[Row], chunk: int | None, source: bool, target: bool) -> Iterator[RowGradients]:
        single = isinstance(rows, Sized) and len(rows) == 1
        budget = positions_at_once(self._predictor.device)
        looks_inside: list[bool] = []
        prefix = self._predictor.shared_prefix()

        def work(part: list[Row]) -> list[RowGradients]:
            module = self._predictor.module
            plan = self._plan(part, target, single=single)
            attention = (
                nullcontext() if plan.implementation is None else attention_implementation(module, plan.implementation)
            )
            with (
                attention,
                derivatives_kept(module),
                torch.enable_grad(),
                true_derivatives(module),
                constant_weights(module),
            ):
                if not looks_inside:
                    try:
                        if plan.blocks is not None:
                            with plan.keeping.opened() as states:
                                return self._by_blocks(part, plan, plan.blocks, states)
                        return self._answers(part, source, target, plan, prefix)
                    except LooksInsideError:
                        looks_inside.append(True)  # for the rest of the call, whose rows ask the same function
                return [whole_gradients(self._predictor, row, source=source, target=target) for row in part]

        for part in chunks_of(rows, self._cost, budget, chunk, alike):
            for some in self._predictor.together(part):
                yield from halving(work, some)
            del part, some

    @property
    def _structure(self) -> _Structure:
        """How the model is built, tried when it is asked for first."""
        if self._found is None:
            predictor = self._predictor
            module, probe = predictor.module, predictor.probe
            fused = probe.same_under(FUSED) is None
            blocks = None
            if fused:
                with attention_implementation(module, FUSED), derivatives_kept(module), constant_weights(module):
                    blocks = find_blocks(module, predictor.target)
            watchable = probe.watchable() is None
            self._found = _Structure(
                last_block=find_last_block(module, predictor.target) if watchable else None,
                blocks=blocks,
                fused=fused,
                plain=probe.same_under("eager") is None,
            )
        return self._found

    def outputs_at_once(self, row: Row, copies: int) -> int:
        """So many that they and all copies of them take half of the memory limit; see `BoundsGradients`."""
        return max(1, self._predictor.memory_limit // 2 // (copies * self._bytes_per_output(row)))

    def _bytes_per_output(self, row: Row) -> int:
        """What the gradients of one output of a row weigh."""
        tokens = len(row.target_ids) + (0 if row.source_ids is None else len(row.source_ids))
        return tokens * self._bytes_per_state

    @property
    def _bytes_per_state(self) -> int:
        """What one position's state weighs, or its gradients."""
        embedding = self._predictor.target
        return embedding.width * at_least_single(embedding.weight[:0]).element_size()

    def _plan(self, rows: Sequence[Row], target: bool, *, single: bool) -> _Plan:
        """Plain attention for rows whose backward passes are batched and whose weights fit, fused attention for longer
        ones, and block by block those whose graph is heavier than half of the memory limit.

        Args:
            single: Is this the one row of its call? Its gradients become the result; those of one among others stand
                beside what is made of them and the ends of a path, and leave less to the passes.
        """
        found, predictor = self._structure, self._predictor
        length = max(read_length(row) for row in rows)
        batched = products_at_once(predictor.device, len(rows) * length) > 1
        plan = _Plan(
            implementation="eager" if found.plain else None,
            watched=KERNEL,
            last_block=found.last_block,
            blocks=None,
        )
        if (batched and predictor.keeps_weights(len(rows), length)) or not found.fused or predictor.source is not None:
            return plan
        plan = evolve(plan, implementation=FUSED, watched=FUSED)
        blocks = found.blocks
        if blocks is None or not target or shared_length(rows) > length // 4:
            return plan
        positions = len(rows) * length
        if positions * blocks.bytes_per_position * len(blocks.members) <= predictor.memory_limit // 2:
            return plan
        limit = predictor.memory_limit
        if not single:
            beside = sum((_outputs(row) + _ENDS) * self._bytes_per_output(row) for row in rows)
            limit = max(limit - beside, limit // 4)
        kept = keeping(len(blocks.members), positions * self._bytes_per_state, limit, predictor.device)
        return evolve(plan, blocks=blocks, keeping=kept, limit=limit)

    def _cost(self, row: Row) -> int:
        """Token positions of a row, or what its gradients weigh in the same currency, whichever is more."""
        tokens = read_length(row) - (row.first_change or 0) + (0 if row.source_ids is None else len(row.source_ids))
        outputs = row.target_function.outputs if row.target_function is not None else len(row.steps)
        gradients = outputs * tokens * self._bytes_per_state
        weight = gradients * positions_at_once(self._predictor.device) // self._predictor.memory_limit
        return max(tokens, weight, 1)

    def _by_blocks(self, rows: list[Row], plan: _Plan, blocks: Blocks, states: KeptStates) -> list[RowGradients]:
        """As `_answers` for a decoder alone, every segment at once and every block apart."""
        for row in rows:
            row.asked()
        predictor = self._predictor
        batch = decoder_batch(rows, predictor.fill, predictor.device)
        leaf = pad_embeddings([row.target_embeds for row in rows], predictor.target.of(batch.ids))
        leaf = leaf.detach().requires_grad_()
        collected = _Collected(rows, [RowInside.of(predictor, row) for row in rows], predictor.device, first=0)
        indices = [np.arange(len(row.steps)) for row in rows]
        pairs = reads([torch.from_numpy(row.steps) for row in rows], 0, predictor.device)
        with (
            predictor.target.replaced_by(leaf),
            passed_by_blocks(blocks, states) as kept,
            cut_at_head(predictor.module, *pairs, detach=True) as cut,
            looking_into(predictor.module, "differentiated"),
        ):
            output, _ = start_run(predictor.module).forward(batch.ids, batch.visible, keep=False)
        logits = Outputs.of(output.logits[0], [cut.picked])
        cut_points = _gradients_at_head(collected.read(logits.read, indices), logits, cut)
        del output, logits, cut
        assert kept.top is not None
        assert kept.bottom is not None
        room, top_shape = max(len(row.target_ids) for row in rows), kept.top.shape
        slots = max(_outputs(row) for row in rows)
        at_once = products_at_once(predictor.device, len(rows) * leaf.shape[1])
        outputs = [_outputs_of(row, index) for row, index in zip(rows, indices, strict=True)]
        slot = torch.from_numpy(np.concatenate(outputs)).to(leaf.device)
        at_top = _gradients_at_top(cut_points, kept.top, pairs, slot, range(0, slots, at_once), slots)
        del cut_points
        hand_back_freed(leaf, all_of_it=True)  # of the pass that ended
        gradients = at_least_single(leaf[:0]).new_zeros((slots, len(rows), room, leaf.shape[-1]))
        at_leaf = gradients[:, :, : leaf.shape[1]]
        same_width = top_shape == leaf.shape  # then one piece of memory serves all the way down
        work = at_leaf if same_width else gradients.new_zeros((slots, *top_shape))
        for first, (somewhere, found) in zip(range(0, slots, at_once), at_top, strict=True):
            work[first : first + at_once][somewhere] = found.to(work.dtype)
        del at_top, somewhere, found
        with put_back(predictor.module), quick_linear(), in_pieces(predictor.module, leaf.shape[1]):
            kept.backward(work, at_once, plan.limit)
        for first in range(0, slots, at_once):
            some = work[first : first + at_once]
            last = first + at_once >= slots
            (grads,) = vector_jacobian_products([kept.bottom], [leaf], [some], retain=not last, dtype=kept.dtype)
            at_leaf[first : first + at_once] = grads.to(at_leaf.dtype)
        del kept, some, grads
        hand_back_freed(leaf, all_of_it=True)
        collected.take(gradients)
        return collected.answers(target=True, sources=None)

    def _cut(self, plan: _Plan) -> AbstractContextManager[BlockCut | None]:
        """The cut in the last block, where the plan has one."""
        if plan.last_block is None:
            return nullcontext()
        return cut_in(self._predictor.module, plan.last_block, implementation=plan.watched)

    def _answers(
        self, rows: list[Row], source: bool, target: bool, plan: _Plan, prefix: SharedPrefix
    ) -> list[RowGradients]:
        for row in rows:
            row.asked()
        predictor = self._predictor
        batch = decoder_batch(rows, predictor.fill, predictor.device)
        encoder, passed = self._encoder(rows, differentiate=source)
        begin = shared_length(rows) if predictor.source is None and predictor.continues(rows) else 0
        run = prefix.run_to(rows[0], begin).spread(len(rows), None) if begin else start_run(predictor.module, encoder)
        ends = self._segments(rows, batch.length)
        leaves = _Leaves(target=[], source=None if passed is None else passed.bridge)
        embeddings = pad_embeddings([row.target_embeds for row in rows], predictor.target.of(batch.ids))
        collected = _Collected(rows, [RowInside.of(predictor, row) for row in rows], predictor.device, first=begin)
        for end in ends:
            leaf = embeddings[:, begin:end].detach()
            if target:
                leaf.requires_grad_()
            leaves.target.append(leaf)
            indices = [np.flatnonzero((row.steps > begin) & (row.steps <= end)) for row in rows]
            steps = [torch.from_numpy(row.steps[index]) for row, index in zip(rows, indices, strict=True)]
            pairs = reads(steps, begin, predictor.device)
            visible = None if batch.visible is None else batch.visible[:, :end]
            with (
                predictor.target.replaced_by(leaf),
                self._cut(plan) as inside,
                cut_at_head(predictor.module, *pairs, detach=inside is None) as cut,
                looking_into(predictor.module, "differentiated"),
            ):
                output, run = run.forward(batch.ids[:, begin:end], visible, keep=end != ends[-1])
            logits = Outputs.of(output.logits[0], [cut.picked] if inside is None else inside.ends)
            total = collected.read(logits.read, indices)
            cut_points = (
                _gradients_at_head(total, logits, cut)
                if inside is None
                else _gradients_inside(total, logits, inside, pairs)
            )
            self._backward(rows, cut_points, pairs, indices, leaves, collected, last=end == ends[-1])
            begin = end
        sources = None if passed is None else self._through_encoder(passed, collected.source_cotangents())
        return collected.answers(target=target, sources=sources)

    def _encoder(self, rows: Sequence[Row], *, differentiate: bool) -> tuple[EncoderStates | None, _EncoderPass | None]:
        """Encoder states of all rows, each distinct source run once, and what a backward pass through it takes."""
        predictor = self._predictor
        if predictor.source is None:
            return None, None
        if not differentiate:
            with torch.no_grad():
                return predictor.encode(rows), None
        batch = encoder_batch(rows, predictor.fill, predictor.device)
        leaf = pad_embeddings([row.source_embeds for row in batch.rows], predictor.source.of(batch.ids))
        leaf = leaf.detach().requires_grad_()
        with predictor.source.replaced_by(leaf):
            encoder = run_encoder(predictor.module, batch.ids, batch.visible)
        bridge = encoder.states.detach()[batch.of_row].requires_grad_()
        passed = _EncoderPass(leaf=leaf, states=encoder.states, of_row=batch.of_row, bridge=bridge)
        return EncoderStates(bridge, encoder.visible[batch.of_row], batch.ids[batch.of_row]), passed

    def _through_encoder(self, passed: _EncoderPass, asked: Sequence[Tensor]) -> list[Tensor]:
        """Pull d(value)/d(encoder state) of each row, shape ``(outputs, length, width)``, back to the embeddings.

        Rows that share a source share its pass: their outputs are stacked.
        """
        of_row = passed.of_row.tolist()
        stacks = [torch.cat([a for a, u in zip(asked, of_row, strict=True) if u == n]) for n in range(len(passed.leaf))]
        slots = max(len(stack) for stack in stacks)
        at_once = products_at_once(self._predictor.device, len(passed.leaf) * passed.leaf.shape[1])
        parts: list[Tensor] = []
        for first in range(0, slots, at_once):
            count = min(at_once, slots - first)
            cotangents = _zeros(passed.states, count)
            for n, stack in enumerate(stacks):
                some = stack[first : first + count]
                cotangents[: len(some), n] = some.to(cotangents.dtype)
            done = first + count >= slots
            parts += vector_jacobian_products([passed.states], [passed.leaf], [cotangents], retain=not done)
        pulled = torch.cat(parts)
        taken = [0] * len(stacks)
        answers = []
        for a, n in zip(asked, of_row, strict=True):
            answers.append(pulled[taken[n] : taken[n] + len(a), n])
            taken[n] += len(a)
        return answers

    def _segments(self, rows: Sequence[Row], length: int) -> list[int]:
        """End positions of the decoder's segments, each with as many steps as pay off; one for grouped ones."""
        grouped = any(row.target_function is not None and row.target_function.groups is not None for row in rows)
        if grouped or not self._predictor.continues(rows):
            return [length]
        steps = np.unique(np.concatenate([row.steps for row in rows]))
        ends = [int(steps[i]) for i in range(SEGMENT_STEPS - 1, len(steps), SEGMENT_STEPS)]
        return [*[end for end in ends if end < length - SEGMENT_STEPS // 4], length]

    def _backward(
        self,
        rows: Sequence[Row],
        cut_points: _CutPoints,
        pairs: tuple[Tensor, Tensor],
        indices: Sequence[np.ndarray],
        leaves: _Leaves,
        collected: _Collected,
        *,
        last: bool,
    ) -> None:
        """Turn d(value)/d(state) into d(value)/d(embedding) for the steps of one segment."""
        wanted = [leaf for leaf in leaves.target if leaf.requires_grad]
        if leaves.source is not None:
            wanted.append(leaves.source)
        outputs = [_outputs_of(row, index) for row, index in zip(rows, indices, strict=True)]
        slots = max((len(np.unique(o)) for o in outputs), default=0)
        if not wanted or slots == 0:
            return
        slot = torch.from_numpy(np.concatenate([np.unique(o, return_inverse=True)[1] for o in outputs]))
        device = cut_points.tensors[0].device
        at_once = products_at_once(device, len(rows) * sum(leaf.shape[1] for leaf in leaves.target))
        for first in range(0, slots, at_once):
            count = min(at_once, slots - first)
            cotangents = _cotangents(cut_points, pairs, slot.to(device), first, count)
            done = last and first + count >= slots
            with looking_into(self._predictor.module, "differentiated"):
                grads = vector_jacobian_products(cut_points.tensors, wanted, cotangents, retain=not done)
            collected.add(grads, [np.unique(o)[first : first + count] for o in outputs], leaves)


class _Collected:
    """Values and gradients of some rows as they come in, segment by segment."""

    def __init__(self, rows: Sequence[Row], insides: Sequence[RowInside], device: torch.device, first: int) -> None:
        self._rows = rows
        self._insides = insides
        self._first = first
        self._device = device
        self._values: list[list[Tensor]] = [[] for _ in rows]
        self._logits: list[dict[str, list[Tensor]]] = [{name: [] for name in row.scores} for row in rows]
        self._target: list[Tensor | None] = [None for _ in rows]
        self._source: list[Tensor | None] = [None for _ in rows]

    def read(self, logits: Tensor, indices: Sequence[np.ndarray]) -> Tensor:
        """Evaluate target functions and scores on a segment's logits; returns the sum of all values."""
        total = logits.new_zeros(())
        for i, (row, index, part) in enumerate(
            zip(self._rows, indices, torch.split(logits, [len(index) for index in indices]), strict=True)
        ):
            if not len(index):
                continue
            inside = self._insides[i].at(index)
            values = differentiable_values(row.asked().at(index), part, CutPass(inside))
            self._values[i].append(values.detach())
            total = total + values.sum()
            for name, target_function in row.scores.items():
                with torch.no_grad():
                    self._logits[i][name].append(target_function.at(index).step_values(part.detach(), inside))
        return total

    def add(self, grads: Sequence[Tensor], outputs: Sequence[np.ndarray], leaves: _Leaves) -> None:
        """File gradients of shape ``(slots, rows, length, width)`` under the outputs that the slots stand for."""
        grads = list(grads)
        source = grads.pop() if leaves.source is not None else None
        for i, (row, numbers) in enumerate(zip(self._rows, outputs, strict=True)):
            if not len(numbers):
                continue
            begin = self._first
            for grad in grads:
                whole = self._target[i] = _room(self._target[i], row, len(row.target_ids), grad)
                _file(whole, numbers, begin, grad[: len(numbers), i])
                begin += grad.shape[2]
            if source is not None:
                whole = self._source[i] = _room(self._source[i], row, source.shape[2], source)
                _file(whole, numbers, 0, source[: len(numbers), i])

    def take(self, grads: Tensor) -> None:
        """Keep gradients of all outputs, shape ``(outputs, rows, length, width)``, as they are."""
        for i, row in enumerate(self._rows):
            self._target[i] = grads[: _outputs(row), i, : len(row.target_ids)]

    def source_cotangents(self) -> list[Tensor]:
        """d(value)/d(encoder state) of each row, shape ``(outputs, length, width)``."""
        return [whole for whole in self._source if whole is not None]

    def answers(self, *, target: bool, sources: Sequence[Tensor] | None) -> list[RowGradients]:
        """One answer per row, cut and filled to its own length."""
        done = []
        for i, row in enumerate(self._rows):
            source = None
            if sources is not None and row.source_ids is not None:
                source = at_least_single(sources[i][:, : len(row.source_ids)])
            done.append(
                RowGradients(
                    values=row.asked().grouped(torch.cat(self._values[i])),
                    target=self._target[i] if target else None,
                    source=source,
                    scores={name: torch.cat(parts) for name, parts in self._logits[i].items()},
                )
            )
        return done


def _cotangents(
    cut_points: _CutPoints, pairs: tuple[Tensor, Tensor], slot: Tensor, first: int, count: int
) -> list[Tensor]:
    """d(value)/d(top) of ``count`` outputs from ``first`` on, shape ``(count, *top.shape)`` each.

    Args:
        slot: Number of each read's output.
    """
    chosen = (slot >= first) & (slot < first + count)
    where = (slot[chosen] - first, pairs[0][chosen], pairs[1][chosen])
    cotangents = [_zeros(top, count) for top in cut_points.tensors]
    for cotangent, output_gradients in zip(cotangents, cut_points.output_gradients, strict=True):
        cotangent[where] = output_gradients[chosen].to(cotangent.dtype)
    return cotangents


def _zeros(top: Tensor, count: int) -> Tensor:
    """Room for ``count`` cotangents of it."""
    return top.new_zeros((count, *top.shape), dtype=kept_as(top.dtype))


def _outputs(row: Row) -> int:
    """How many values a row's target function has."""
    return row.asked().outputs


def _room(whole: Tensor | None, row: Row, length: int, like: Tensor) -> Tensor:
    """Gradients of all outputs of a row, shape ``(outputs, length, width)``, zero until something is filed."""
    return at_least_single(like[:0]).new_zeros((_outputs(row), length, like.shape[-1])) if whole is None else whole


def _file(whole: Tensor, numbers: np.ndarray, begin: int, grads: Tensor) -> None:
    """Write down gradients of some outputs, once each, at the positions from ``begin`` on; padding is left out."""
    n = min(grads.shape[1], whole.shape[1] - begin)
    if n > 0:
        whole[torch.from_numpy(numbers).to(whole.device), begin : begin + n] = grads[:, :n].to(whole.dtype)


def _outputs_of(row: Row, index: np.ndarray) -> np.ndarray:
    """Output number of each of a row's steps ``index``."""
    return row.asked().output_of_step[index]


def _gradients_at_head(total: Tensor, logits: Outputs, cut: HeadCut) -> _CutPoints:
    """Gradients at the states in front of the output layer."""
    if not total.requires_grad:
        return _CutPoints([cut.states], [torch.zeros_like(cut.picked)])
    return _CutPoints([cut.states], logits.gradients(total, [cut.picked]))


def _gradients_at_top(
    cut_points: _CutPoints, top: Tensor, pairs: tuple[Tensor, Tensor], slot: Tensor, firsts: range, slots: int
) -> list[tuple[Tensor, Tensor]]:
    """Gradients at the state that the last block gave, of the outputs from each of ``firsts`` on, where they are not 0.

    These are few positions, those where steps are read. There is room for the others when this graph is gone.

    Returns:
        Where they are, shape ``(outputs, rows, length)``, and they, shape ``(positions, width)``.
    """
    found = []
    for first in firsts:
        cotangents = _cotangents(cut_points, pairs, slot, first, min(firsts.step, slots - first))
        more = first + firsts.step < slots
        (grads,) = vector_jacobian_products(cut_points.tensors, [top], cotangents, retain=more)
        somewhere = grads.any(-1)
        found.append((somewhere, grads[somewhere]))
    return found


def _gradients_inside(total: Tensor, logits: Outputs, cut: BlockCut, pairs: tuple[Tensor, Tensor]) -> _CutPoints:
    """Gradients behind the last attention, and at the residual connection around it."""
    if not total.requires_grad:
        return _CutPoints(cut.cut_points, [torch.zeros_like(end)[pairs] for end in cut.ends])
    # the graph is kept: the norm in front of a parallel block's attention is on both sides of the cut
    return _CutPoints(cut.cut_points, logits.gradients(total, cut.ends, pairs, retain=True))
