"""Blocks computed again with the value vectors of one position zeroed.

Zeroing the values of key ``j`` takes ``A[i, j] · v_j`` from what attention gives query ``i``: a change of
rank one. What a block does behind its attention works on each position alone, so the pairs of a query and a
key are laid out as the positions of one long sequence and the block is called once more on that, its
attention module answering what the pair should get. Where the module does more behind its attention than project
(a gate, a norm, or nothing at all), the module runs too and its kernel answers. Nothing is known about the block: among
the pairs there is one per query with nothing zeroed, and its clean state must come out again, or the model is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from attrs import define, field, frozen
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads, Metric, RowZeroing, Where
from wherefrom.errors import ModelCapabilityError, SettingsError

from wherefrom_hf.inside.attention import is_long, steps_queries, watched
from wherefrom_hf.inside.attention_pieces import grouped
from wherefrom_hf.inside.attention_watch import (
    Attended,
    BlockCall,
    Watch,
    found_projection,
    matrix_of,
    weights_of_values,
)
from wherefrom_hf.inside.memory import Memory
from wherefrom_hf.running.answering import answering, first_tensor, with_first
from wherefrom_hf.running.attention_kernel import Kernel, observed_by
from wherefrom_hf.running.chunking import queries_at_once
from wherefrom_hf.running.linear import quick_linear
from wherefrom_hf.running.precision import HALF, largest, largest_difference
from wherefrom_hf.running.probe import looking_into
from wherefrom_hf.running.split_block import at_positions, has_queries
from wherefrom_hf.running.thresholds import may_drop, taking_all
from wherefrom_hf.running.trials import says_nothing

_LEAST_LENGTH = 1e-8
"""Shorter states have no direction, and a cosine of 0 with all others."""

_SPARSE_AT_ONCE = 1448
"""Queries that an attention with an index of its own replays at once: it weighs every pair against every other."""


def zeroed_values(
    module: PreTrainedModel,
    rows: Iterable[Row],
    *,
    metric: Metric,
    heads: Mapping[Where, Heads],
    every_query: bool,
    encoder: bool,
    decoder: bool,
    fused: bool = False,
) -> Iterator[RowZeroing]:
    """See `wherefrom.adapters.internals.ZeroesValues.zeroed_values`.

    Args:
        fused: Does the model say the same under the fused kernel? Of long rows weights and states are then held for
            their steps alone, and no longer than until the next block has run.
    """
    for row in rows:
        # of a decoder alone, what happens at other queries than the steps' is not needed
        kept = steps_queries(row, module) if fused and is_long([row]) and not every_query else None
        steps = steps_queries(row, module) if kept is None else torch.arange(len(row.steps), device=kept.device)
        last = int(row.steps[-1])
        asked = torch.arange(last, device=steps.device) if every_query else steps
        work = _Zeroing(module, metric, heads, {"encoder": None, "decoder": asked, "cross": steps})
        if kept is None:
            watch, passed = watched(module, [row])
            work.memory = watch.memory
            if not encoder:
                del work.queries["encoder"]
            if not decoder and watch.in_layers("cross"):
                del work.queries["decoder"]
            for call in watch.blocks:
                work.block(call, [one for one in watch.attended if one.call is call])
        else:
            watch, passed = watched(module, [row], queries=kept, fused=True, finished=work.block)
        work.end(watch)
        own = work.layers("decoder")
        if own is None:
            own = torch.zeros(0, len(asked), last, device=steps.device)
        read, cross = work.layers("encoder"), work.layers("cross")
        yield RowZeroing(decoder=own, encoder=read, cross=cross, scores=passed.scores[0])


@define(eq=False)
class _Zeroing:
    """The recomputation of one row's blocks, which is told of each when it has run.

    A block's turn comes when the next of its stack has run: the last is read behind the final norm, and neither is
    known before.
    """

    module: PreTrainedModel
    metric: Metric
    heads: Mapping[Where, Heads]
    queries: dict[Where, Tensor | None]
    """Of the kinds of attention that are asked for; None: all of them."""
    memory: Memory | None = None
    _waiting: dict[str, _Waiting] = field(factory=dict)
    """The block of each stack that ran last."""
    _found: dict[Where, list[Tensor | None]] = field(factory=dict)
    """Distances of each layer, None for those that wait."""

    def block(self, call: BlockCall, attended: list[Attended]) -> None:
        """A block has run, with this attention in it."""
        layers = []
        for one in attended:
            if one.where in self.queries:
                found = self._found.setdefault(one.where, [])
                layers.append((len(found), one))
                found.append(None)
        before, self._waiting[call.stack] = self._waiting.get(call.stack), _Waiting(call, attended, layers)
        if before is not None:
            self._zero(before, None)

    def end(self, watch: Watch) -> None:
        """No more blocks run.

        Raises:
            ModelCapabilityError: Some attention ran in no block.
            SettingsError: Heads are named of a layer that is none, or of attention that is not looked at.
        """
        for one in watch.attended:
            watch.block_of(one)
        self._need_all_named()
        for where, found in self._found.items():
            self._check_layers(where, len(found))
        for stack, waiting in self._waiting.items():
            self._zero(waiting, watch.behind.get(stack))
        self._waiting.clear()

    def layers(self, where: Where) -> Tensor | None:
        """Distances of every layer, shape ``(layers, queries, keys)``; None where there are none."""
        found = [one for one in self._found.get(where, ()) if one is not None]
        return torch.stack(found) if found else None

    def _zero(self, waiting: _Waiting, norm: nn.Module | None) -> None:
        """Compute a block again.

        Args:
            norm: What reads its state before the output layer, where it is the last.
        """
        with torch.no_grad(), looking_into(self.module):
            for layer, one in waiting.layers:
                self._found[one.where][layer] = self._layer(layer, one, waiting, norm)

    def _need_all_named(self) -> None:
        for where, heads in self.heads.items():
            if heads == Heads() or where in self._found:
                continue
            lacks = f"{type(self.module).__name__} has no such attention"
            without = lacks if where in self.queries else f"output_{where}_self_scores=False leaves its scores out"
            raise SettingsError(
                f"{where}_zeroed_units_indices chooses heads to zero, and {without}. Leave the setting out."
            )

    def _check_layers(self, where: Where, layers: int) -> None:
        chosen = self.heads.get(where, Heads()).by_layer or {}
        for layer in chosen:
            if not 0 <= layer < layers:
                raise SettingsError(
                    f"{where}_zeroed_units_indices names layer {layer}; the model has layers 0 to {layers - 1} there."
                )

    def _chosen(self, where: Where, layer: int, one: Attended) -> Tensor:
        """Which attention heads are zeroed, shape ``(heads, 1, 1)``."""
        groups, heads = value_heads(one.values[0]), one.weights.shape[1]
        taken = torch.zeros(groups, dtype=torch.bool, device=one.weights.device)
        for head in self.heads.get(where, Heads()).of_layer(layer, groups):
            if not -groups <= head < groups:
                raise SettingsError(
                    f"{where}_zeroed_units_indices names head {head}; layer {layer} has {groups} key/value heads."
                )
            taken[head] = True
        return taken.repeat_interleave(heads // groups)[:, None, None]

    def _layer(self, layer: int, one: Attended, waiting: _Waiting, norm: nn.Module | None) -> Tensor:
        """Distances of one attention, shape ``(queries, keys)``."""
        queries = self.queries[one.where]
        if queries is None:
            queries = torch.arange(one.weights.shape[-2], device=one.weights.device)
        chosen = self._chosen(one.where, layer, one)
        mine = one.weights[..., one.own]
        distances = torch.zeros(len(queries), mine.shape[-1], device=chosen.device, dtype=torch.float32)
        touched = (mine[0] * chosen)[:, queries].abs().amax(0) != 0  # NaN is no zero
        if not bool(touched.any()):
            return distances
        weights, values = weights_of_values(one) * chosen, grouped(one.values[0], one.weights.shape[1])
        weights, values = weights[..., one.own], values[:, one.own]
        call = waiting.call
        replay = _Replay(self.module, self.memory, waiting, one, norm)
        taken = _Zeroed(replay, one, weights[:, queries], values)
        whole = one.result if replay.projection is not None else one.context.flatten(2)
        every = queries_at_once(chosen.device, call.state[0, 0].numel())
        if replay.runs:
            every = min(every, _SPARSE_AT_ONCE)
        clean, whole = replay.finish(call.result[0])[queries].float(), whole[0, queries]
        apart = _Distance(self.metric, clean)
        for number, pairs in enumerate(_Pairs.cut(touched, every)):
            unchanged = pairs.queries[[0, -1]].unique()
            if replay.may_drop and not number:
                unchanged = torch.arange(len(queries), device=queries.device)
            moved = pairs.minus(whole, taken.outputs(pairs))
            states = replay.states(
                queries[torch.cat([pairs.queries, unchanged])], torch.cat([moved, whole[unchanged]])
            ).float()
            states = replay.finish(states.to(call.result.dtype)).float()
            replay.check(states[len(moved) :], clean[unchanged])
            distances[pairs.queries, pairs.keys] = apart.of(states[: len(moved)], pairs)
        return distances


def value_heads(values: Tensor) -> int:
    """How many key/value heads there are, also where each was repeated for its heads of queries before attention.

    Args:
        values: Shape ``(heads, keys, size)``.
    """
    for count in (one for one in range(1, len(values)) if len(values) % one == 0):
        repeated = values.unflatten(0, (count, -1))
        if torch.equal(repeated, repeated[:, :1].expand_as(repeated)):
            return count
    return len(values)


@frozen(eq=False)
class _Waiting:
    """A block that has run and is still to be computed again."""

    call: BlockCall
    attended: list[Attended]
    """All attention in it, in order."""
    layers: list[tuple[int, Attended]]
    """That which is asked for, and what layer of its kind each is."""


@frozen(eq=False)
class _Pairs:
    """Some pairs of a query and a key, ordered by key, so that they span few of them."""

    queries: Tensor
    """Numbers of the queries among those that are asked for, shape ``(pairs,)``."""
    keys: Tensor
    """Shape ``(pairs,)``."""
    of_all: bool
    """Is each query that is asked for paired with each key between the first and the last?"""

    @staticmethod
    def cut(touched: Tensor, every: int) -> Iterator[_Pairs]:
        """All that are ``touched``, shape ``(queries, keys)``: at most ``every`` at a time."""
        count, by_all = len(touched), touched.all(0)
        for some in (touched & by_all, touched & ~by_all):
            for part in some.T.nonzero().split(every // count * count or every):
                if len(part):
                    keys, queries = part.unbind(1)
                    span = int(keys[-1]) + 1 - int(keys[0])
                    yield _Pairs(queries, keys, of_all=len(part) == span * count)

    def minus(self, of_queries: Tensor, of_pairs: Tensor) -> Tensor:
        """What belongs to each pair's query, less what belongs to the pair; shape ``(pairs, width)``."""
        if self.of_all:
            return (of_queries - of_pairs.view(-1, *of_queries.shape)).flatten(0, 1)
        return of_queries[self.queries].sub_(of_pairs)


class _Distance:
    """How far states are from clean ones, of which each is compared with many."""

    def __init__(self, metric: Metric, clean: Tensor) -> None:
        """Shape ``(queries, width)``, or ``(queries, streams, width)``."""
        self._metric = metric
        self._clean = clean.flatten(1)
        self._lengths = self._clean.norm(dim=-1).clamp_min(_LEAST_LENGTH)

    def of(self, states: Tensor, pairs: _Pairs) -> Tensor:
        """Those of pairs from the clean states of their queries, shape ``(pairs,)``."""
        states = states.flatten(1)
        apart = pairs.minus(self._clean, states).norm(dim=-1)
        if self._metric == "euclidean":
            return apart
        lengths, clean = states.norm(dim=-1).clamp_min(_LEAST_LENGTH), self._lengths[pairs.queries]
        # 1 minus the cosine, not by subtraction from 1: of states that hardly moved only rounding would be left
        distances = (apart.square() - (lengths - clean).square()).clamp_min(0) / (2 * lengths * clean)
        return distances.where(~(torch.minimum(lengths, clean) <= _LEAST_LENGTH), 1.0)


class _Zeroed:
    """What zeroing a key's values takes from the attention's output at a query, or from its kernel's."""

    def __init__(self, replay: _Replay, one: Attended, weights: Tensor, values: Tensor) -> None:
        self._projection = replay.projection
        self._weights = weights
        self._values = values
        if self._projection is None:
            self._matrix: Tensor | None = None
            return
        self._bias = self._projection(torch.zeros_like(one.context[:, :1]).flatten(2))[0, 0]
        matrix = matrix_of(one)
        if matrix is None:  # it may be anything: does it keep to its position?
            assert one.projected is not None
            read, gave = one.context.flatten(2), one.projected
            replay.check(self._projection(read.flip(1)).flip(1)[0].float(), gave[0].float())
        self._matrix = None if matrix is None else matrix.reshape(*values.shape[::2], -1)

    def outputs(self, pairs: _Pairs) -> Tensor:
        """At each pair, shape ``(pairs, width)``."""
        at, keys = pairs.queries, pairs.keys
        if self._matrix is None:
            context = self._weights[:, at, keys].T[..., None] * self._values[:, keys].transpose(0, 1)
            if self._projection is None:
                return context.flatten(1)
            return self._projection(context.flatten(1)[None])[0] - self._bias
        first, end = int(keys[0]), int(keys[-1]) + 1
        # heads of these keys through their part of the projection, so that queries only weigh them
        heads = torch.einsum("hks,hsw->khw", self._values[:, first:end], self._matrix)
        block = torch.bmm(self._weights[:, :, first:end].permute(2, 1, 0).contiguous(), heads)
        return block.flatten(0, 1) if pairs.of_all else block[keys - first, at]


class _Replay:
    """One block, called again on queries laid out as positions, with the output of one attention given.

    Given is what the attention module answers, which may be the weighted values themselves, or where no ``projection``
    makes its answer of these, what its kernel does.
    """

    def __init__(
        self,
        module: PreTrainedModel,
        memory: Memory | None,
        waiting: _Waiting,
        changed: Attended,
        norm: nn.Module | None,
    ) -> None:
        self.module = module
        self.memory = memory
        self.call = waiting.call
        self.siblings = waiting.attended
        self.changed = changed
        self.norm = norm
        self.projection = found_projection(changed)
        self.runs = self.projection is None and not changed.outside
        """Does the attention module run, its kernel answering?"""
        self.may_drop = may_drop(self.call.module)
        """May experts in it have dropped a position? The pairs are more than these, and of them none is dropped."""

    def finish(self, states: Tensor) -> Tensor:
        """States as the next block, or the output layer, reads them: behind the final norm in the last
        block."""
        return states if self.norm is None else self.norm(states)

    def states(self, queries: Tensor, output: Tensor) -> Tensor:
        """The block's output for each of ``queries`` if the changed attention, or its kernel, gave ``output``.

        Both and the result have one line per query; shape ``(n, width)``, or ``(n, streams, width)`` where the block
        keeps several streams of states.
        """
        later = False
        observer = _AtQueries(self.call.state.shape[1], queries)
        with ExitStack() as stack:
            for one in self.siblings:
                if one is self.changed:
                    later = True
                    if not self.runs:
                        stack.enter_context(answering(one.module, with_first(one.output, output[None])))
                    else:
                        observer.given[one.module] = output.view(1, len(output), *one.context.shape[2:])
                elif not later and one.module is not self.changed.module:
                    stack.enter_context(answering(one.module, with_first(one.output, one.result[:, queries])))
            stack.enter_context(observed_by(self.module, observer))
            args = tuple(self._at(value, queries) for value in self.call.args)
            kwargs = {name: self._at(value, queries) for name, value in self.call.kwargs.items()}
            stack.enter_context(quick_linear())
            stack.enter_context(taking_all(self.call.module, len(output)))
            try:
                states = first_tensor(self.call.module(*args, **kwargs))[0]
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                if says_nothing(error):
                    raise
                raise self._refusal(str(error)) from error
        if not observer.given.keys() <= observer.answered.keys():
            raise self._refusal("its attention computes by itself and asks no kernel")
        return states

    def _at(self, value: Any, queries: Tensor) -> Any:
        """A block's argument for ``queries`` instead of all positions, where it goes with positions."""
        length, memory = self.call.state.shape[1], self.memory
        if isinstance(value, Tensor) and memory is not None and memory.among([value.data_ptr()]):
            return value
        if isinstance(value, Tensor) and value.shape == self.call.state.shape:  # of as many streams, maybe
            return value[:, queries]
        if self.runs:
            return at_positions(value, queries, length)
        positions = isinstance(value, Tensor) and value.ndim >= 3 and value.shape[:2] == (1, length)
        return value[:, queries] if positions and not has_queries(value, length) else value

    def check(self, states: Tensor, clean: Tensor) -> None:
        """Refuse a block whose clean states do not come out again.

        Raises:
            ModelCapabilityError: As it says.
        """
        tolerance = 0.05 if self.call.state.dtype in HALF else 1e-3
        scale, worst = largest(clean), largest_difference(states, clean)
        if not worst <= tolerance * max(scale, 1e-6):
            dropped = ", as of positions that its experts had no capacity for" if self.may_drop else ""
            raise self._refusal(f"its states differ by {worst:.1e} of {scale:.1e} where nothing was zeroed{dropped}")

    def _refusal(self, reason: str) -> ModelCapabilityError:
        return ModelCapabilityError(
            f"{self.call.name} could not be recomputed position by position ({reason}), so values cannot be "
            "zeroed in it. Use a method that needs no internals: saliency, occlusion. attention may work too."
        )


class _AtQueries:
    """Attention that is computed anew for chosen queries: what goes with all queries is cut down to them."""

    def __init__(self, length: int, queries: Tensor) -> None:
        self.length = length
        self.queries = queries
        self.given: dict[nn.Module, Tensor] = {}
        """What the kernel answers some modules instead, shape ``(1, queries, heads, size)``."""
        self.answered: dict[nn.Module, int] = {}
        """How much of each head they were answered: some attend in several calls, each for a part of the values."""

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute as the model does, with masks and position biases of the chosen queries."""
        if module in self.given:
            start = self.answered.get(module, 0)
            self.answered[module] = end = start + inputs[2].shape[-1]
            return self.given[module][..., start:end], None
        query, key, value, *others = inputs
        cut = {name: self._cut(option) for name, option in options.items()}
        return kernel(module, query, key, value, *(self._cut(other) for other in others), **cut)

    def _cut(self, option: Any) -> Any:
        if isinstance(option, Tensor) and option.ndim == 4 and option.shape[-2] == self.length:
            return option[..., self.queries, :]
        return option
