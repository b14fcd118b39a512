"""Attention times gradient, rolled out while the backward pass runs.

The rollout of one output is a row: what its state has of every input. From the last layer down it grows by itself
times each layer's map, and the backward pass visits the layers in the same order. So the row is carried along the
backward pass, as the gradient of a value that only passes through: each attention map is reduced as it is met, and no
array over layers and heads is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Row, Side
from wherefrom.adapters.attention_gradients import RowRollout
from wherefrom.adapters.internals import Where
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_operations import AttentionOperations, Multiply
from wherefrom_hf.inside.attention_watch import encoder_modules
from wherefrom_hf.inside.layers import batches
from wherefrom_hf.inside.memory import Memory
from wherefrom_hf.running.answering import first_tensor
from wherefrom_hf.running.constants import need_differentiable
from wherefrom_hf.running.derivatives import true_derivatives
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor, scores_of
from wherefrom_hf.running.probe import looking_into, need_same
from wherefrom_hf.running.scaled import kept_as
from wherefrom_hf.running.whole_pass import length_of, run_whole


def attention_gradient_rollouts(predictor: Predictor, rows: Iterable[Row], chunk: int | None) -> Iterator[RowRollout]:
    """See `wherefrom.adapters.attention_gradients.RollsAttentionGradients.attention_gradient_rollouts`."""
    module = predictor.module
    need_differentiable(module)
    predictor.probe.need_places()
    need_same(predictor.probe, "eager")
    for some in batches(predictor, rows, chunk):
        carried = _carried(predictor, some)
        with (
            attention_implementation(module, "eager"),
            torch.enable_grad(),
            looking_into(module),
        ):
            carrier = _Carrier(module, carried)
            with carrier.active():
                run = run_whole(predictor, some, parts=None)
            carrier.need_all()
        values, output_gradients = run.evaluated()
        reads = carried.start.new_ones(len(output_gradients))
        cut_points = [(run.states, run.at_states(output_gradients)), (carrier.carried.start, reads)]
        with true_derivatives(module):
            rolled = run.products(cut_points, carried.by_side, len(some))
        logits = run.split(at_least_single(run.logits).detach())
        for row, value, own, found in zip(some, values, logits, rolled, strict=True):
            assert row.target_function is not None
            yield RowRollout(
                values=row.target_function.grouped(value),
                target=at_least_single(found["target"]),
                source=at_least_single(found["source"]) if "source" in found else None,
                scores=scores_of(row, own),
            )


@frozen(eq=False)
class _Carried:
    """What passes through the layers and is nothing in the forward pass; its gradients are the rollout."""

    start: Tensor
    """Its gradient marks the states that outputs are predicted from, shape ``(rows, target)``."""
    target: Tensor
    """Shape ``(rows, target)``."""
    source: Tensor
    """Shape ``(rows, source)``; no columns for decoder-only models."""

    @property
    def by_side(self) -> dict[Side, Tensor]:
        """Where the rollout is read."""
        sides: dict[Side, Tensor] = {"target": self.target}
        return {**sides, "source": self.source} if self.source.shape[1] else sides


def _carried(predictor: Predictor, rows: Sequence[Row]) -> _Carried:
    def zeros(side: Side) -> Tensor:
        length = max(length_of(row, side) for row in rows)
        dtype = at_least_single(predictor.target.weight[:0]).dtype
        return torch.zeros((len(rows), length), dtype=dtype, device=predictor.device, requires_grad=True)

    return _Carried(start=zeros("target"), target=zeros("target"), source=zeros("source"))


class _Roll(torch.autograd.Function):
    """Passes weights and what is carried through; backwards, the carried rows grow by themselves times the map."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, start: Tensor, target: Tensor, source: Tensor, where: Where) -> Any:
        ctx.save_for_backward(weights)
        ctx.where = where
        ctx.rows = len(start)
        return weights.view_as(weights), start.view_as(start), target.view_as(target), source.view_as(source)

    @staticmethod
    def backward(ctx: Any, at_weights: Tensor, start: Tensor, target: Tensor, source: Tensor) -> Any:
        (weights,) = ctx.saved_tensors
        by_head = (at_weights.to(kept_as(at_weights.dtype)) * weights).clamp_min(0)
        mixed = by_head.reshape(ctx.rows, -1, *weights.shape[-2:]).mean(1).to(target.dtype)
        # where gradients are scaled, the mark at the start, which is 1 otherwise, is so too: one of the factors may be
        mark = start.amax(-1, keepdim=True)
        mark = torch.where(mark > 0, mark, 1.0)

        def through(rows: Tensor) -> Tensor:
            return torch.einsum("rq,rqk->rk", rows / mark, mixed)

        if ctx.where == "encoder":
            source = source + through(source)
        elif ctx.where == "cross":
            source = source + through(start + target)
        else:
            target = target + through(start + target)
        return at_weights, start, target, source, None


class _Carrier(AttentionOperations):
    """Takes part in every attention of one forward pass."""

    def __init__(self, module: PreTrainedModel, carried: _Carried) -> None:
        super().__init__(module)
        self.carried = carried
        self.seen: set[Where] = set()
        self._encoder = encoder_modules(module)
        self._memory = Memory(module)

    def weighted(self, multiply: Multiply, weights: Tensor, values: Tensor) -> Tensor:
        """Attention: the carried rows pass through its weights."""
        now = self.carried
        where = self._where()
        queries, keys = (
            now.source if where == "encoder" else now.target,
            now.target if where == "decoder" else now.source,
        )
        if weights.shape[-2:] != (queries.shape[1], keys.shape[1]):
            raise ModelCapabilityError(
                f"{self.innermost} attends from {weights.shape[-2]} to {weights.shape[-1]} "
                f"positions, not from {queries.shape[1]} to {keys.shape[1]}, so its map cannot be rolled out. "
                "Use saliency."
            )
        weights, *carried = _Roll.apply(weights, now.start, now.target, now.source, where)
        self.carried = _Carried(*carried)
        self.seen.add(where)
        return multiply(weights, values)

    def _where(self) -> Where:
        part, given = self.inside[-1]
        if part in self._encoder:
            return "encoder"
        return "cross" if self._memory.among(given) else "decoder"

    def left(self, part: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Hook: a module's forward ended; the encoder's output is what cross-attention reads."""
        super().left(part, args, output)
        self._memory.passed(part, args, output, (one for one, _ in self.inside))
        if self._encoder and part is self.module.get_encoder():
            self._memory.begins(first_tensor(output))

    def need_all(self) -> None:
        """Refuse models that also mix positions by something else than attention.

        Raises:
            ModelCapabilityError: As it says.
        """
        self.need_attention_everywhere()
        if self._encoder and "cross" not in self.seen:
            raise ModelCapabilityError(
                f"No attention of {type(self.module).__name__} from target to source was seen. Use saliency."
            )
