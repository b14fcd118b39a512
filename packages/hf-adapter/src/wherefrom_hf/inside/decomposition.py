"""Attention layers written as sums of what each position brings, and checked to add up.

With its weights fixed, attention is linear in the value vectors: each key's part of the output is its
weight times its value vector, through the output projection. How the output enters the residual stream
(pre-norm, post-norm, norms on both sides, in parallel with the feed-forward part) is found by comparing
tensors of the pass, never by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from attrs import frozen
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.adapters.internals import AttentionTerms, RowTerms, Where
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention import watched
from wherefrom_hf.inside.attention_pieces import grouped
from wherefrom_hf.inside.attention_watch import (
    Attended,
    BlockCall,
    Watch,
    matrix_of,
    projection_of,
    weights_of_values,
)
from wherefrom_hf.inside.frozen_norm import FrozenNorm, freeze
from wherefrom_hf.inside.gates import gate_of
from wherefrom_hf.running.precision import at_least_single, same_numbers
from wherefrom_hf.running.probe import looking_into

_NUMBERS_AT_ONCE = 2**23
"""Size of one chunk of terms."""

_KINDS: tuple[Where, ...] = ("encoder", "decoder", "cross")


def attention_terms(
    module: PreTrainedModel, rows: Iterable[Row], *, queries: Literal["steps", "all"]
) -> Iterator[RowTerms]:
    """See `wherefrom.adapters.internals.DecomposesStates.attention_terms`."""
    for row in rows:
        watch, passed = watched(module, [row], leaves=True)
        first = int(row.steps[0]) - 1 if queries == "steps" else 0
        counts: dict[Where, int] = {where: len(watch.in_layers(where)) for where in _KINDS}
        yield RowTerms(
            chunks=_chunks(module, watch, first),
            layers={where: count for where, count in counts.items() if count},
            scores=passed.scores[0],
            unseen=watch.unseen,
        )


@torch.no_grad()  # of each answer alone, as torch does for generators: the caller's mode is kept between them
def _chunks(module: PreTrainedModel, watch: Watch, first: int) -> Iterator[AttentionTerms]:
    attended = watch.in_layers("encoder") + decoders_attention(watch)
    below: dict[int, Tensor] = {}
    """Call of a block to the state behind its last attention so far."""
    layers = dict.fromkeys(_KINDS, 0)
    for one in attended:
        with looking_into(module):
            call = watch.block_of(one)
            sublayer = sublayer_of(one, call, below.get(id(call), _flat(call.state)))
            made = weighted_values(module, one, call)
        below[id(call)] = sublayer.state
        layer = layers[one.where]
        layers[one.where] += 1
        yield from _terms(one, made, sublayer, layer, 0 if one.where == "encoder" else first)


def decoders_attention(watch: Watch) -> list[Attended]:
    """The decoder's attention in the order in which it mixes: layer by layer, self- before cross-attention."""
    kinds = [watch.in_layers(where) for where in ("decoder", "cross")]
    return [one for layer in zip(*(kind for kind in kinds if kind), strict=True) for one in layer]


@frozen(eq=False)
class WeightedValues:
    """What the keys bring to the output of one attention, with its weights and a gate as they were.

    In single precision at least; weights are widened as they are used.
    """

    weights: Tensor
    """In the model's precision, shape ``(heads, queries, keys)``."""
    values: Tensor
    """Shape ``(heads, keys, size)``."""
    matrix: Tensor
    """From heads to the output, shape ``(heads, size, width)``."""
    bias: Tensor
    """Shape ``(width,)``."""
    gate: Tensor | None
    """Shape ``(queries, heads, size)``."""
    through: Tensor | None
    """Without a gate: each key's values behind the matrix, which queries only weigh. Shape ``(keys, heads, width)``."""

    def at(self, start: int, end: int) -> Tensor:
        """What each key brings to the queries from ``start`` to ``end``, shape ``(queries, keys, width)``."""
        weights = at_least_single(self.weights[:, start:end])
        if self.through is not None:
            return torch.einsum("hqk,khw->qkw", weights, self.through)
        assert self.gate is not None
        apart = torch.einsum("hqk,hks,qhs->qkhs", weights, self.values, self.gate[start:end])
        return torch.einsum("qkhs,hsw->qkw", apart, self.matrix)

    def along(self, at: Tensor, output_gradient: Tensor) -> Tensor:
        """What each key brings to the queries ``at`` along a direction for each, shape ``(queries, keys)``.

        Args:
            output_gradient: Shape ``(queries, width)``.
        """
        weights = at_least_single(self.weights[:, at])
        if self.through is not None:
            return torch.einsum("hsk,sw,khw->sk", weights, output_gradient, self.through)
        assert self.gate is not None
        read = torch.einsum("qw,hsw->qhs", output_gradient, self.matrix) * self.gate[at]
        return torch.einsum("hqk,hks,qhs->qk", weights, self.values, read)


def head_values(one: Attended) -> tuple[Tensor, Tensor, Tensor]:
    """What each key's value vectors are behind the output projection, head by head, where no gate stands between.

    Returns:
        The weights, in the model's precision, shape ``(heads, queries, keys)``; and in single precision at least the
        vectors, shape ``(keys, heads, width)``, and the projection's bias, shape ``(width,)``.

    Raises:
        ModelCapabilityError: There is a gate, or weighted by the attention they do not sum to the output.
    """
    if one.gated is not None:
        raise _refusal(one, "a gate that is another for each query stands behind the weighted values")
    made = _summed(one, None)
    assert made.through is not None
    return made.weights, made.through, made.bias


def weighted_values(module: PreTrainedModel, one: Attended, call: BlockCall) -> WeightedValues:
    """The output of one attention as a sum over its keys.

    Raises:
        ModelCapabilityError: It is none: there is no projection, no gate, or the sum is another.
    """
    projection_of(one)
    return _summed(one, gate_of(module, one, call))


def _summed(one: Attended, gate: Tensor | None) -> WeightedValues:
    projection, projected = projection_of(one)
    weights = weights_of_values(one)
    values = grouped(one.values[0], one.weights.shape[1])
    heads, _, size = values.shape
    bias = projection(torch.zeros_like(one.context[:, :1]).flatten(2))[0, 0]
    matrix = matrix_of(one)
    if matrix is None:
        unit = torch.eye(heads * size, dtype=values.dtype, device=values.device)
        matrix = projection(unit[None])[0] - bias
    context = at_least_single(torch.einsum("hqk,hks->qhs", weights, values))
    values, matrix, bias = (
        at_least_single(values),
        at_least_single(matrix).reshape(heads, size, -1),
        at_least_single(bias),
    )
    gate = None if gate is None else at_least_single(gate)
    through = torch.einsum("hks,hsw->khw", values, matrix) if gate is None else None
    made = WeightedValues(weights, values, matrix, bias, gate, through)
    total = torch.einsum("qhs,hsw->qw", context if gate is None else context * gate, matrix) + bias
    if not close(total, projected[0]):
        raise _refusal(one, "weighted values do not sum to the attention's output")
    return made


@frozen(eq=False)
class Sublayer:
    """How the output of one attention enters the residual stream. In single precision at least."""

    output: Tensor
    """The attention's output, shape ``(queries, width)``."""
    residual: Tensor
    """The state it is added to, times a factor where both are scaled."""
    scale: float
    """What the output is multiplied by before it is added."""
    inner: FrozenNorm | None
    """A norm that the output passes before that."""
    outer: FrozenNorm | None
    """A norm that the sum passes before it is the state."""
    state: Tensor


def sublayer_of(one: Attended, call: BlockCall, below: Tensor) -> Sublayer:
    """Find out by comparing tensors.

    Args:
        below: The state the sublayer starts from, shape ``(queries, width)``.

    Raises:
        ModelCapabilityError: The sum of output and state appears nowhere in the block, or the output is of two kinds of
            attention.
    """
    if one.own != slice(None):
        raise _refusal(one, "it weighs source and target in one softmax, so neither alone is added to the state")
    _, projected = projection_of(one)
    inner = _norm_of(call, projected[0])
    output = at_least_single(projected[0])
    entering = output if inner is None else inner(output)
    assert one.state is not None
    if _flat(call.result).shape != output.shape:
        raise _refusal(one, "its block keeps several streams of states")
    for start in map(at_least_single, (below, _flat(one.state), *_normed_for(one, call))):
        factors = _factors(call, start, entering)
        if factors is not None:
            share, scale = factors
            residual = start if share == 1.0 else share * start
            total = residual + scale * entering
            outer = _norm_of(call, total) if _reads_the_state(one, call, start) else None
            return Sublayer(output, residual, scale, inner, outer, total if outer is None else outer(total))
    raise _refusal(one, "its output is not simply added to the state")


def _reads_the_state(one: Attended, call: BlockCall, residual: Tensor) -> bool:
    """Does the attention read the state as it is, so that a norm comes behind the sum? A norm in front that happens to
    change nothing is one all the same: then what it gave is what the attention read, number for number in one place."""
    assert one.state is not None
    if not close(_flat(one.state), residual):
        return False
    return not any(
        leaf.output.data_ptr() == one.state.data_ptr()
        and close(_flat(leaf.input), residual)
        and freeze(leaf.module, leaf.input, leaf.output) is not None
        for leaf in call.leaves
    )


def _normed_for(one: Attended, call: BlockCall) -> Iterator[Tensor]:
    """What the norm in front of the attention read: the state, where another feed-forward layer stands before it."""
    assert one.state is not None
    for leaf in call.leaves:
        if leaf.output.data_ptr() == one.state.data_ptr() and freeze(leaf.module, leaf.input, leaf.output) is not None:
            yield _flat(leaf.input)


def _factors(call: BlockCall, residual: Tensor, entering: Tensor) -> tuple[float, float] | None:
    """The factors at which ``residual`` and ``entering`` are added, as the block reads the sum; None: they are not."""
    sums = [leaf.input.reshape(residual.shape) for leaf in call.leaves if leaf.input.numel() == residual.numel()]
    fitted = [_finite(residual, entering, total) for total in sums]
    for total, (known, added, whole) in zip(sums, fitted, strict=True):
        if not added.numel() and close(residual + entering, total):
            return 1.0, 1.0
        size = added.square().sum().clamp_min(1e-30)
        scale = float(((whole - known) * added).sum() / size)
        # the sum was rounded when it was made
        unsure = torch.finfo(total.dtype).eps * float((whole * added).norm() / size)
        scale = 1.0 if abs(scale - 1) < max(1e-3, unsure) else scale
        if abs(scale) > 1e-3 and close(residual + scale * entering, total):
            return 1.0, scale
    for total, (known, added, whole) in zip(sums, fitted, strict=True):
        both = torch.stack([known, added], dim=1).double()
        share, scale = torch.linalg.lstsq(both, whole.double()[:, None]).solution[:, 0].tolist()
        if min(abs(share), abs(scale)) > 1e-3 and close(share * residual + scale * entering, total):
            return share, scale
    # in parallel blocks the feed-forward part is added to both; some add attention to it in place first
    added = _flat(call.result) - residual
    rest = added - entering
    if close(residual + entering, _flat(call.result)):
        return 1.0, 1.0  # nothing comes behind it
    beside = any(close(_flat(leaf.output), added if leaf.overwritten else rest) for leaf in call.leaves)
    return (1.0, 1.0) if beside else None


def _finite(*values: Tensor) -> tuple[Tensor, ...]:
    """The numbers at those places where all are finite, each flat."""
    kept = torch.stack([one.isfinite() for one in values]).all(0)
    return tuple(one.flatten() for one in values) if kept.all() else tuple(one[kept] for one in values)


def _norm_of(call: BlockCall, given: Tensor) -> FrozenNorm | None:
    """The norm in a block that read ``given``, frozen."""
    for leaf in call.leaves:
        if close(_flat(leaf.input), given):
            norm = freeze(leaf.module, leaf.input, leaf.output)
            if norm is not None:
                return norm
    return None


def _terms(one: Attended, made: WeightedValues, sublayer: Sublayer, layer: int, first: int) -> Iterator[AttentionTerms]:
    bias = made.bias
    (_, queries, keys), width = made.weights.shape, made.matrix.shape[-1]
    inner, outer = sublayer.inner, sublayer.outer
    every = max(1, _NUMBERS_AT_ONCE // (keys * width))
    for start in range(first, queries, every):
        end = min(start + every, queries)
        count = end - start
        values = made.at(start, end)
        mixed, constant = values, bias.expand(count, width)
        residual = sublayer.residual[start:end]
        if inner is not None:
            mixed, constant = inner.linear(mixed, start), inner.linear(constant, start) + inner.shift
        if sublayer.scale != 1.0:
            mixed, constant = sublayer.scale * mixed, sublayer.scale * constant
        if outer is not None:
            mixed, residual = outer.linear(mixed, start), outer.linear(residual, start)
            constant = outer.linear(constant, start) + outer.shift
        state = sublayer.state[start:end]
        if not close(mixed.sum(1) + residual + constant, state, made_in=one.context.dtype):
            raise _refusal(one, "its terms do not sum to the state behind it")
        yield AttentionTerms(
            where=one.where,
            layer=layer,
            first_query=start,
            values=values,
            bias=bias,
            output=sublayer.output[start:end],
            mixed=mixed,
            residual=residual,
            constant=constant,
            state=state,
        )


def close(left: Tensor, right: Tensor, *, made_in: torch.dtype | None = None, size: float | None = None) -> bool:
    """Are both the same up to rounding, as far as it adds up in a sum over positions? See `same_numbers`."""
    return same_numbers(left, right, 1e-4, half=0.05, made_in=made_in, size=size)


def _flat(states: Tensor) -> Tensor:
    """One row's states as ``(positions, width)``."""
    return states.reshape(-1, states.shape[-1])


def _refusal(one: Attended, reason: str) -> ModelCapabilityError:
    return ModelCapabilityError(
        f"{one.name} cannot be written as a sum over positions: {reason}. "
        "Use a method without internals: saliency, occlusion. attention and value_zeroing may work too."
    )
