"""Attention weights of one pass, whatever implementation the model was loaded with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row, RowAttention
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_watch import Watch, watching
from wherefrom_hf.inside.teacher_forcing import run
from wherefrom_hf.running.padding import read_length

_ROWS_AT_ONCE = 16


def attentions(module: PreTrainedModel, rows: Iterable[Row]) -> Iterator[RowAttention]:
    """Post-softmax weights of each row, in order; several rows share a padded pass.

    Queries and keys of the decoder run up to the position that predicts the row's last step.

    Raises:
        ModelCapabilityError: No attention was seen (state-space models, for instance).
    """
    remaining = iter(rows)
    while batch := list(islice(remaining, _ROWS_AT_ONCE)):
        yield from _of_batch(module, batch)


def _of_batch(module: PreTrainedModel, rows: Sequence[Row]) -> Iterator[RowAttention]:
    sources = {row.source_ids.tobytes() for row in rows if row.source_ids is not None}
    if 0 < len(sources) < len(rows):
        # a source that rows share is encoded once, so its weights do not line up with the rows
        for row in rows:
            yield from _read(module, [row])
    else:
        yield from _read(module, rows)


def _read(module: PreTrainedModel, rows: Sequence[Row]) -> Iterator[RowAttention]:
    with watching(module, rows=len(rows), weights_only=True) as watch:
        passed = run(module, rows, watch, predictions=any(row.scores for row in rows))
    need_attention(module, watch)
    decoder, encoder, cross = watch.weights("decoder"), watch.weights("encoder"), watch.weights("cross")
    assert decoder is not None
    for index, row in enumerate(rows):
        target = read_length(row)
        source = 0 if row.source_ids is None else len(row.source_ids)
        yield RowAttention(
            decoder=_cut(decoder, index, target, target),
            encoder=None if encoder is None else _cut(encoder, index, source, source),
            cross=None if cross is None else _cut(cross, index, target, source),
            scores=passed.scores[index],
        )


def _cut(weights: Tensor, row: int, queries: int, keys: int) -> Tensor:
    return weights[row, :, :, :queries, :keys]


def need_attention(module: PreTrainedModel, watch: Watch) -> None:
    """Refuse models in whose pass no attention of the decoder was seen.

    Raises:
        ModelCapabilityError: As it says.
    """
    if not watch.seen:
        raise ModelCapabilityError(
            f"{type(module).__name__} computed no attention that could be watched. "
            "Use a method that needs no internals: saliency, integrated_gradients, occlusion."
        )
