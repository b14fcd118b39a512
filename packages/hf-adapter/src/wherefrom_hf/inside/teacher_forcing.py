"""One forward pass of some rows, for those who watch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property

import torch
from attrs import frozen
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row

from wherefrom_hf.inside.attention_watch import Watch
from wherefrom_hf.running.embedding import embeddings_given
from wherefrom_hf.running.head import cut_at_head, reads
from wherefrom_hf.running.padding import decoder_batch, encoder_batch
from wherefrom_hf.running.passes import run_encoder, start_run
from wherefrom_hf.running.predict import scores_of
from wherefrom_hf.running.probe import looking_into


@frozen(kw_only=True, eq=False)
class Passed:
    """What a pass predicted."""

    logits: Sequence[Tensor]
    """Per row, shape ``(steps, vocabulary)``."""
    rows: Sequence[Row]

    @cached_property
    def scores(self) -> Sequence[Mapping[str, Tensor]]:
        """Per row, its step scores: evaluated when they are read, for a step function may put questions of its own."""
        return [
            scores_of(row, logits) if len(logits) else {} for row, logits in zip(self.rows, self.logits, strict=True)
        ]


def run(
    module: PreTrainedModel,
    rows: Sequence[Row],
    watch: Watch | None = None,
    *,
    graph: bool = False,
    predictions: bool = True,
) -> Passed:
    """Run ``rows`` as one batch, the encoder first where there is one.

    Args:
        watch: Told which tensor the decoder is given as the encoder's output.
        graph: Keep what is needed to differentiate.
        predictions: Are logits wanted? Without, the output layer has nothing to do, and step scores cannot be read.
    """
    device = next(module.parameters()).device
    steps = [torch.from_numpy(row.steps if predictions else row.steps[:0]) for row in rows]
    at_rows, at_positions = reads(steps, 0, device)
    decoder = decoder_batch(rows, 0, device)
    with looking_into(module), nullcontext() if graph else torch.no_grad():
        states = None
        if rows[0].source_ids is not None:
            encoder = encoder_batch(rows, 0, device)
            with embeddings_given(module, "source", encoder.ids, [row.source_embeds for row in encoder.rows]):
                states = run_encoder(module, encoder.ids, encoder.visible)
            if len(encoder.rows) != len(rows):
                states = states.of(encoder.of_row)
            if watch is not None:
                watch.memory.begins(states.states)
        given = embeddings_given(module, "target", decoder.ids, [row.target_embeds for row in rows])
        with given, cut_at_head(module, at_rows, at_positions, detach=False):
            output, _ = start_run(module, states).forward(decoder.ids, decoder.visible, keep=False)
    parts = list(output.logits[0].split([len(s) for s in steps]))
    return Passed(logits=parts, rows=rows)
