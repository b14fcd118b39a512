"""Gradients of all steps of a row from one shared forward pass.

The forward pass is cut twice. At the top, behind the last attention (`last_block`) or else at the output layer
(`head`), where every step is on its own: one backward pass gives d(value)/d(state) for every step.
Along the sequence: the decoder is run in segments that continue each other, and the steps of a segment are
differentiated through the segments up to theirs, no further. Within a segment the backward passes of several steps
are one batched vector-Jacobian product. The encoder is run once; what the steps ask of its states is collected there
and differentiated through it for all of them together.

Cost of T steps: one forward pass, T backward rows, none longer than its segment's end.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from wherefrom.adapters import Row, RowGradients
from wherefrom.errors import InputError

from wherefrom_hf.running.activations import gradients_kept
from wherefrom_hf.running.chunking import GRADIENT_BYTES, chunks_of, halving, positions_at_once, products_at_once
from wherefrom_hf.running.derivatives import differentiable_values, true_derivatives
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.head import HeadCut, cut_at_head, reads
from wherefrom_hf.running.last_block import BlockCut, LastBlock, cut_in, find_last_block
from wherefrom_hf.running.padding import decoder_batch, encoder_batch, pad_embeddings, read_length
from wherefrom_hf.running.passes import DecoderRun, EncoderStates, run_encoder, start_run
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import LOOKAHEAD, Predictor, alike, shared_length

SEGMENT_STEPS = 16
"""Steps that are differentiated through the same stretch of the sequence. Fewer waste less on positions that a step
cannot see; more make larger batches."""


class _Untried:
    """A model whose structure was not looked at yet."""


_UNTRIED = _Untried()


@frozen(eq=False)
class _CutPoints:
    """Where backward passes begin, and the gradients of all steps there."""

    tensors: list[Tensor]
    """In the body's graph, shape ``(rows, length, ...)`` each."""
    gradients: list[Tensor]
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

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = self._predictor = predictor
        self._last_block: LastBlock | _Untried | None = _UNTRIED

    def gradients(self, rows: Iterable[Row], chunk: int | None, source: bool, target: bool) -> Iterator[RowGradients]:
        """Answers in order; see `wherefrom.adapters.GivesGradients`."""
        stream = iter(rows)
        budget = positions_at_once(self._predictor.device)

        probe = self._predictor.probe
        probe.need_causal()
        plain = probe.same_under("eager") is None

        def work(part: list[Row]) -> list[RowGradients]:
            module = self._predictor.module
            attention = attention_implementation(module, "eager") if plain else nullcontext()
            with attention, gradients_kept(module), torch.enable_grad(), true_derivatives(module):
                return self._answers(part, source, target)

        if self._last_block is _UNTRIED:
            watchable = probe.watchable() is None
            self._last_block = find_last_block(self._predictor.module, self._predictor.target) if watchable else None

        while drawn := list(islice(stream, LOOKAHEAD)):
            for part in chunks_of(drawn, self._cost, budget, chunk, alike):
                yield from halving(work, part)

    def _cost(self, row: Row) -> int:
        """Token positions of a row, or what its gradients weigh in the same currency, whichever is more."""
        tokens = read_length(row) - (row.first_change or 0) + (0 if row.source_ids is None else len(row.source_ids))
        width = self._predictor.target.weight.shape[-1]
        outputs = row.target_function.outputs if row.target_function is not None else len(row.steps)
        weight = outputs * tokens * width * 4 * positions_at_once(self._predictor.device) // GRADIENT_BYTES
        return max(tokens, weight, 1)

    def _answers(self, rows: list[Row], source: bool, target: bool) -> list[RowGradients]:
        if any(row.target_function is None for row in rows):
            raise InputError("A row to differentiate needs a target function; this one has none.")
        predictor = self._predictor
        batch = decoder_batch(rows, predictor.fill, predictor.device)
        encoder, passed = self._encoder(rows, differentiate=source)
        begin = shared_length(rows) if predictor.source is None and predictor.probe.continues() else 0
        run = self._beginning(rows, batch.ids, begin) if begin else start_run(predictor.module, encoder)
        ends = self._segments(rows, batch.length)
        leaves = _Leaves(target=[], source=None if passed is None else passed.bridge)
        embeddings = pad_embeddings([row.target_embeds for row in rows], predictor.target.of(batch.ids))
        collected = _Collected(rows, predictor.device, first=begin)
        for end in ends:
            leaf = embeddings[:, begin:end].detach()
            if target:
                leaf.requires_grad_()
            leaves.target.append(leaf)
            indices = [np.flatnonzero((row.steps > begin) & (row.steps <= end)) for row in rows]
            steps = [torch.from_numpy(row.steps[index]) for row, index in zip(rows, indices, strict=True)]
            pairs = reads(steps, begin, predictor.device)
            visible = None if batch.visible is None else batch.visible[:, :end]
            where = self._last_block
            with (
                predictor.target.replaced_by(leaf),
                cut_in(predictor.module, where) if isinstance(where, LastBlock) else nullcontext() as inside,
                cut_at_head(predictor.module, *pairs, detach=inside is None) as cut,
            ):
                output, run = run.forward(batch.ids[:, begin:end], visible, keep=end != ends[-1])
            total = collected.read(at_least_single(output.logits[0]), indices)
            cut_points = (
                _gradients_inside(total, inside, pairs) if inside is not None else _gradients_at_head(total, cut)
            )
            self._backward_pass(rows, cut_points, pairs, indices, leaves, collected, last=end == ends[-1])
            begin = end
        sources = None if passed is None else self._through_encoder(passed, collected.source_cotangents())
        return collected.answers(target=target, sources=sources)

    def _beginning(self, rows: Sequence[Row], ids: Tensor, length: int) -> DecoderRun:
        """The positions that all rows share, run once and left out of the graph: nobody asks for their gradients."""
        predictor = self._predictor
        given = rows[0].target_embeds
        embeddings = None if given is None else pad_embeddings([given], predictor.target.of(ids[:1, :length]))
        run = predictor.unread(start_run(predictor.module), ids[:1, :length], embeddings)
        return run.spread(len(rows), None)

    def _encoder(self, rows: Sequence[Row], *, differentiate: bool) -> tuple[EncoderStates | None, _EncoderPass | None]:
        """Encoder states of all rows, each distinct source run once, and what it takes to differentiate through it."""
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
        return EncoderStates(bridge, encoder.visible[batch.of_row]), passed

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
            cotangents = passed.states.new_zeros((count, *passed.states.shape))
            for n, stack in enumerate(stacks):
                some = stack[first : first + count]
                cotangents[: len(some), n] = some.to(passed.states.dtype)
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
        if grouped or not self._predictor.probe.continues():
            return [length]
        steps = np.unique(np.concatenate([row.steps for row in rows]))
        ends = [int(steps[i]) for i in range(SEGMENT_STEPS - 1, len(steps), SEGMENT_STEPS)]
        return [*[end for end in ends if end < length - SEGMENT_STEPS // 4], length]

    def _backward_pass(
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
            chosen = ((slot >= first) & (slot < first + count)).to(device)
            where = (slot.to(device)[chosen] - first, pairs[0][chosen], pairs[1][chosen])
            cotangents = [top.new_zeros((count, *top.shape)) for top in cut_points.tensors]
            for cotangent, gradients in zip(cotangents, cut_points.gradients, strict=True):
                cotangent[where] = gradients[chosen].to(cotangent.dtype)
            done = last and first + count >= slots
            grads = vector_jacobian_products(cut_points.tensors, wanted, cotangents, retain=not done)
            collected.add(grads, [np.unique(o)[first : first + count] for o in outputs], leaves)


class _Collected:
    """Values and gradients of some rows as they come in, segment by segment."""

    def __init__(self, rows: Sequence[Row], device: torch.device, first: int) -> None:
        self._rows = rows
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
            assert row.target_function is not None
            values = differentiable_values(row.target_function.at(index), part)
            self._values[i].append(values.detach())
            total = total + values.sum()
            for name, target_function in row.scores.items():
                with torch.no_grad():
                    self._logits[i][name].append(target_function.at(index).step_values(part.detach()))
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

    def source_cotangents(self) -> list[Tensor]:
        """d(value)/d(encoder state) of each row, shape ``(outputs, length, width)``."""
        return [whole for whole in self._source if whole is not None]

    def answers(self, *, target: bool, sources: Sequence[Tensor] | None) -> list[RowGradients]:
        """One answer per row, cut and filled to its own length."""
        done = []
        for i, row in enumerate(self._rows):
            assert row.target_function is not None
            source = None
            if sources is not None and row.source_ids is not None:
                source = at_least_single(sources[i][:, : len(row.source_ids)])
            done.append(
                RowGradients(
                    values=row.target_function.grouped(torch.cat(self._values[i])),
                    target=self._target[i] if target else None,
                    source=source,
                    scores={name: torch.cat(parts) for name, parts in self._logits[i].items()},
                )
            )
        return done


def _outputs(row: Row) -> int:
    """How many values a row's target function has."""
    assert row.target_function is not None
    return row.target_function.outputs


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
    assert row.target_function is not None
    return index if row.target_function.groups is None else row.target_function.groups[index]


def _gradients_at_head(total: Tensor, cut: HeadCut) -> _CutPoints:
    """Gradients at the states in front of the output layer."""
    if not total.requires_grad:
        return _CutPoints([cut.states], [torch.zeros_like(cut.picked)])
    (gradients,) = torch.autograd.grad(total, cut.picked)
    return _CutPoints([cut.states], [gradients])


def _gradients_inside(total: Tensor, cut: BlockCut, pairs: tuple[Tensor, Tensor]) -> _CutPoints:
    """Gradients behind the last attention, and at the residual connection around it."""
    if not total.requires_grad:
        return _CutPoints(cut.cut_points, [torch.zeros_like(end)[pairs] for end in cut.ends])
    # the graph is kept: the norm in front of a parallel block's attention is on both sides of the cut
    gradients = torch.autograd.grad(total, cut.ends, retain_graph=True, allow_unused=True, materialize_grads=True)
    return _CutPoints(cut.cut_points, [slope[pairs] for slope in gradients])


def vector_jacobian_products(
    cut_points: Sequence[Tensor], leaves: Sequence[Tensor], cotangents: Sequence[Tensor], *, retain: bool
) -> tuple[Tensor, ...]:
    """d(top · cotangent)/d(leaf), summed over ``tops``, for each cotangent: shape ``(cotangents, *leaf.shape)``.

    A leaf that the tops do not depend on gets zeros.
    """

    def backward_pass(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            list(cut_points), list(leaves), list(given), retain_graph=retain, allow_unused=True, materialize_grads=True
        )

    if len(cotangents[0]) > 1:
        with (
            warnings.catch_warnings()
        ):  # operations without a batched form of their own are looped over: right, but slow
            warnings.filterwarnings("ignore", "There is a performance drop")
            return torch.vmap(backward_pass)(list(cotangents))
    return tuple(grad.unsqueeze(0) for grad in backward_pass([cotangent[0] for cotangent in cotangents]))
