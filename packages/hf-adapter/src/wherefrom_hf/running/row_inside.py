"""The pass of one row, looked into: its inputs, and what its layers answer, in a graph where that is wanted.

Most step functions read logits alone, and passes are cut short for them. A function that looks at more gets a pass of
its own, whole and uncut, and only when it asks. Where such a function is differentiated, logits, embeddings and states
come from that one pass, so that gradients reach the embeddings on every way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from attrs import define, evolve, field, frozen
from torch import Tensor, nn
from wherefrom.adapters import Row, RowGradients, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelCapabilityError, UnknownNameError

from wherefrom_hf.running.answering import first_tensor
from wherefrom_hf.running.derivatives import differentiable_values
from wherefrom_hf.running.embedding import InputEmbedding
from wherefrom_hf.running.head import cut_at_head, reads
from wherefrom_hf.running.jacobian import vector_jacobian_products
from wherefrom_hf.running.ownership import reserved
from wherefrom_hf.running.padding import decoder_batch, encoder_batch, pad_embeddings
from wherefrom_hf.running.parts import CHANNELS_FIRST, find_layer
from wherefrom_hf.running.passes import run_encoder, start_run
from wherefrom_hf.running.precision import at_least_single

AT_ONCE = 8
"""Outputs whose gradients are taken together."""


class LooksInsideError(Exception):
    """A function that is differentiated asked for more than logits: it needs a whole pass."""


@define(eq=False)
class _Pass:
    """What one row was run on, and what came out as far as it was asked for."""

    predictor: Any
    row: Row
    differentiable: bool
    inputs: dict[Side, Tensor] = field(factory=dict)
    """Embeddings by side, shape ``(1, positions, width)``."""
    masks: dict[Side, Tensor] = field(factory=dict)
    ids: dict[Side, Tensor] = field(factory=dict)
    states: dict[Side, tuple[Tensor, ...]] = field(factory=dict)
    """Hidden states in transformers' count."""
    logits: Tensor | None = None
    cut_points: list[tuple[Tensor, Tensor]] = field(factory=list)
    """What was read of a pass in float16: in its graph, and as a leaf in single precision; see `scaled`."""

    def prepared(self) -> _Pass:
        """The pass with its inputs in place."""
        if self.inputs:
            return self
        predictor = self.predictor
        batch = decoder_batch([self.row], predictor.fill, predictor.device)
        visible = torch.ones_like(batch.ids) if batch.visible is None else batch.visible
        self._put("target", predictor.target, batch.ids, visible, self.row.target_embeds)
        if predictor.source is not None:
            source = encoder_batch([self.row], predictor.fill, predictor.device)
            self._put("source", predictor.source, source.ids, source.visible, self.row.source_embeds)
        return self

    def _put(self, side: Side, embedding: InputEmbedding, ids: Tensor, visible: Tensor, given: Tensor | None) -> None:
        self.ids[side], self.masks[side] = ids, visible
        inputs = pad_embeddings([given], embedding.of(ids)).detach()
        self.inputs[side] = inputs.requires_grad_() if self.differentiable else inputs

    def read(self, made: Tensor) -> Tensor:
        """What values are computed from, in single precision or double."""
        single = at_least_single(made)
        if made.dtype != torch.float16 or not made.requires_grad:
            return single
        self.cut_points.append((made, single.detach().requires_grad_()))
        return self.cut_points[-1][1]

    def run(self, part: nn.Module | None = None, side: Side = "target") -> list[Tensor]:
        """Run the row; what ``part`` answers while ``side`` is run, in order."""
        predictor, row = self.predictor, self.row
        module = predictor.module
        seen: list[Tensor] = []
        pairs = reads([torch.from_numpy(row.steps)], 0, predictor.device)
        with reserved(module), torch.set_grad_enabled(self.differentiable):
            encoder = None
            if predictor.source is not None:
                with predictor.source.replaced_by(self.inputs["source"]), _listening(part, seen, side == "source"):
                    encoder = run_encoder(module, self.ids["source"], self.masks["source"], output_hidden_states=True)
                self.states["source"] = encoder.hidden
            with (
                predictor.target.replaced_by(self.inputs["target"]),
                _listening(part, seen, side == "target"),
                cut_at_head(module, *pairs, detach=False),
            ):
                output, _ = start_run(module, encoder).forward(
                    self.ids["target"], self.masks["target"], keep=False, output_hidden_states=True
                )
        self.logits = self.read(output.logits[0])
        hidden = getattr(output, "hidden_states" if predictor.source is None else "decoder_hidden_states", None)
        self.states["target"] = tuple(hidden or ())
        return seen


@contextmanager
def _listening(part: nn.Module | None, seen: list[Tensor], here: bool) -> Iterator[None]:
    if part is None or not here:
        yield
        return

    def hear(module: nn.Module, inputs: Any, output: Any) -> None:
        seen.append(first_tensor(output))

    handle = part.register_forward_hook(hear)
    try:
        yield
    finally:
        handle.remove()


@frozen(eq=False)
class RowInside:
    """A row's pass behind `wherefrom.adapters.Inside`; copies for some of the steps share it."""

    _lazy: _Pass
    steps: IntArray
    """Target positions that are predicted."""

    @classmethod
    def of(cls, predictor: Any, row: Row, *, differentiable: bool = False) -> RowInside:
        """The inside of a row that was, or is to be, run by ``predictor``."""
        return cls(_Pass(predictor, row, differentiable), row.steps)

    @property
    def _pass(self) -> _Pass:
        return self._lazy.prepared()

    def at(self, steps: IntArray) -> RowInside:
        """The same pass for some of its steps, by index."""
        return evolve(self, steps=self.steps[steps])

    def input_ids(self, side: Side) -> Tensor:
        """Shape ``(positions,)``."""
        return self._side(self._pass.ids, side)

    def attention_mask(self, side: Side) -> Tensor:
        """Shape ``(positions,)``."""
        return self._side(self._pass.masks, side)

    def input_embeddings(self, side: Side) -> Tensor:
        """Shape ``(positions, width)``."""
        inputs = self._side(self._pass.inputs, side)
        return self._pass.read(inputs) if inputs.requires_grad else inputs

    def hidden_states(self, layer: int | str, side: Side) -> Tensor:
        """Shape ``(positions, width of the layer)``; see `wherefrom.adapters.Inside.hidden_states`."""
        self._side(self._pass.ids, side)
        if isinstance(layer, str):
            return self._named(layer, side)
        if self._pass.logits is None:
            self._pass.run()
        states = self._pass.states[side]
        if not states:
            raise ModelCapabilityError(
                f"The pass of {type(self._pass.predictor.module).__name__} gives no hidden states by number. Ask for "
                "those of a part by its name."
            )
        if not -len(states) <= layer < len(states):
            raise UnknownNameError(
                f"The {side} has {len(states)} hidden states, 0 to {len(states) - 1}; there is no number {layer}."
            )
        return self._pass.read(states[layer][0])

    def logits(self) -> Tensor:
        """Shape ``(G, vocabulary)``, from the same pass."""
        if self._pass.logits is None:
            self._pass.run()
        assert self._pass.logits is not None
        return self._pass.logits

    def leaf(self, side: Side) -> Tensor | None:
        """What gradients are taken of, shape ``(1, positions, width)``."""
        return self._pass.inputs.get(side)

    def products(
        self, values: Tensor, leaves: Sequence[Tensor], cotangents: Tensor, *, retain: bool
    ) -> tuple[Tensor, ...]:
        """d(values · cotangent)/d(leaf), for each cotangent: shape ``(cotangents, *leaf.shape)``."""
        made, read = zip(*self._pass.cut_points, strict=True) if self._pass.cut_points else ((values,), ())
        asked: Sequence[Tensor] = [cotangents]
        if read:
            asked = vector_jacobian_products([values], read, asked, retain=retain, by_row=False)
        return vector_jacobian_products(made, leaves, asked, retain=retain, by_row=False)

    def _named(self, layer: str, side: Side) -> Tensor:
        part = find_layer(self._pass.predictor.module, layer)
        seen, length = self._pass.run(part, side), self._pass.ids[side].shape[1]
        if len(seen) != 1 or seen[0].ndim != 3:
            raise ModelCapabilityError(
                f"{layer!r} answered {len(seen)} times while the {side} was read; expected once, one vector per "
                "position. Name another part of the model."
            )
        positions = seen[0].shape[1]
        padded = side == "source" and positions > length  # some encoders pad on their own, behind what they are given
        if isinstance(part, CHANNELS_FIRST) or (positions != length and not padded):
            raise ModelCapabilityError(
                f"{layer!r} answered {tuple(seen[0].shape)} while the {length} positions of the {side} were read; "
                "expected (1, positions, width). Name another part of the model."
            )
        return self._pass.read(seen[0][0, :length])

    def _side(self, of: dict[Side, Tensor], side: Side) -> Tensor:
        if side not in of:
            raise ModelCapabilityError("A decoder-only model has no source: prompt and output are one target sequence.")
        return of[side][0]


@frozen(eq=False)
class CutPass:
    """Stands where a pass was cut short: knows what was read, and who asks for embeddings or states is given a whole
    pass."""

    _plain: RowInside

    @property
    def steps(self) -> IntArray:
        """Target positions that are predicted."""
        return self._plain.steps

    def at(self, steps: IntArray) -> CutPass:
        """The same for some of its steps."""
        return CutPass(self._plain.at(steps))

    def input_ids(self, side: Side) -> Tensor:
        """Shape ``(positions,)``."""
        return self._plain.input_ids(side)

    def attention_mask(self, side: Side) -> Tensor:
        """Shape ``(positions,)``."""
        return self._plain.attention_mask(side)

    def input_embeddings(self, side: Side) -> Tensor:
        """Ask for a whole pass."""
        raise LooksInsideError

    def hidden_states(self, layer: int | str, side: Side) -> Tensor:
        """Ask for a whole pass."""
        raise LooksInsideError


def whole_gradients(predictor: Any, row: Row, *, source: bool, target: bool) -> RowGradients:
    """Gradients of a target function that looks inside, through one uncut pass of the row."""
    assert row.target_function is not None
    inside = RowInside.of(predictor, row, differentiable=True)
    logits = inside.logits()
    per_step = differentiable_values(row.target_function, logits, inside)
    values = row.target_function.grouped(per_step)
    sides: tuple[tuple[Side, bool], ...] = (("target", target), ("source", source))
    leaves: dict[Side, Tensor] = {
        side: leaf for side, wanted in sides if wanted and (leaf := inside.leaf(side)) is not None
    }
    found: dict[Side, list[Tensor]] = {side: [] for side in leaves}
    outputs = len(values)
    for first in range(0, outputs, AT_ONCE) if leaves and values.requires_grad else ():
        chosen = torch.arange(first, min(first + AT_ONCE, outputs), device=values.device)
        cotangents = nn.functional.one_hot(chosen, outputs).to(values.dtype)
        pulled = inside.products(
            values, list(leaves.values()), cotangents, retain=first + AT_ONCE < outputs or bool(row.scores)
        )
        for side, grads in zip(leaves, pulled, strict=True):
            found[side].append(at_least_single(grads[:, 0]))
    of_side = {side: torch.cat(parts) if parts else _nothing(leaves[side], outputs) for side, parts in found.items()}
    if (read := of_side.get("target")) is not None:
        missing = len(row.target_ids) - read.shape[1]
        of_side["target"] = nn.functional.pad(read, (0, 0, 0, missing)) if missing > 0 else read
    plain = RowInside.of(predictor, row)
    with torch.no_grad():
        scores = {name: score.step_values(logits.detach(), plain) for name, score in row.scores.items()}
    return RowGradients(
        values=values.detach(), target=of_side.get("target"), source=of_side.get("source"), scores=scores
    )


def _nothing(leaf: Tensor, outputs: int) -> Tensor:
    return at_least_single(leaf.detach().new_zeros((outputs, *leaf.shape[1:])))
