"""Attention weights of one pass, whatever implementation the model was loaded with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row, RowAttention
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_watch import FUSED_FROM, Watch, watching
from wherefrom_hf.inside.teacher_forcing import Passed, run
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.padding import read_length

_ROWS_AT_ONCE = 16

Queries = Literal["steps", "all"]


def attentions(
    module: PreTrainedModel,
    rows: Iterable[Row],
    *,
    queries: Queries = "all",
    mean_heads: bool = False,
    fused: bool = False,
    together: Callable[[list[Row]], list[list[Row]]] = lambda rows: [rows],
) -> Iterator[RowAttention]:
    """Post-softmax weights of each row, in order; several short rows share a padded pass.

    Queries and keys of the decoder run up to the position that predicts the row's last step.

    Args:
        fused: Does the model say the same under the fused kernel? Long rows then never hold all weights.
        together: Some rows as they may be run, see `Predictor.together`.

    Raises:
        ModelCapabilityError: No attention was seen (state-space models, for instance).
    """
    remaining = iter(rows)
    while batch := list(islice(remaining, _ROWS_AT_ONCE)):
        sources = {row.source_ids.tobytes() for row in batch if row.source_ids is not None}
        # a source that rows share is encoded once, so its weights do not line up with the rows
        apart = 0 < len(sources) < len(batch) or max(map(read_length, batch)) >= FUSED_FROM
        for some in [[row] for row in batch] if apart else together(batch):
            yield from _read(module, some, queries, mean_heads, fused)


def _read(
    module: PreTrainedModel, rows: Sequence[Row], queries: Queries, mean_heads: bool, fused: bool
) -> Iterator[RowAttention]:
    # only one row's steps can be picked out while the pass runs
    kept = steps_queries(rows[0], module) if queries == "steps" and fused and is_long(rows) else None
    predictions = any(row.scores for row in rows)
    watch, passed = watched(
        module, rows, predictions, weights_only=True, queries=kept, mean_heads=mean_heads, fused=kept is not None
    )
    decoder, encoder, cross = watch.weights("decoder"), watch.weights("encoder"), watch.weights("cross")
    assert decoder is not None
    watch.attended.clear()  # the layers one by one are the same once more
    hand_back_freed(decoder)
    for index, row in enumerate(rows):
        target = read_length(row)
        source = 0 if row.source_ids is None else len(row.source_ids)
        at: Any = slice(target)
        if queries == "steps":
            at = slice(None) if kept is not None else torch.from_numpy(row.steps - 1).to(decoder.device)
        yield RowAttention(
            decoder=_cut(decoder, index, at, target),
            encoder=None if encoder is None else _cut(encoder, index, slice(source), source),
            cross=None if cross is None else _cut(cross, index, at, source),
            scores=passed.scores[index],
            unseen=watch.unseen,
            one_softmax=watch.one_softmax,
        )


def is_long(rows: Sequence[Row]) -> bool:
    """Is this one row, and long enough for the fused kernel?"""
    return len(rows) == 1 and read_length(rows[0]) >= FUSED_FROM


def steps_queries(row: Row, module: PreTrainedModel) -> Tensor:
    """Positions that predict a row's steps, where the model's ids are."""
    return torch.from_numpy(row.steps - 1).to(next(module.parameters()).device)


def _cut(weights: Tensor, row: int, queries: Any, keys: int) -> Tensor:
    return weights[row][:, :, queries, :keys]


def watched(
    module: PreTrainedModel, rows: Sequence[Row], predictions: bool = True, **kept: Any
) -> tuple[Watch, Passed]:
    """One pass of ``rows`` whose attention was seen, and what was seen of it.

    Args:
        predictions: Are logits wanted?
        kept: What of the pass is kept, see `attention_watch.watching`.

    Raises:
        ModelCapabilityError: No attention of the decoder was seen, or none from target to source where there is one.
    """
    seen = False
    for own in (None, True):  # a file may know the interface for the sake of another part than the decoder
        with watching(module, rows=len(rows), own=own, **kept) as watch:
            passed = run(module, rows, watch, predictions=predictions)
        if watch.seen and (watch.crossed or rows[0].source_ids is None):
            return watch, passed
        seen = seen or watch.seen
    if seen:
        raise ModelCapabilityError(
            f"No attention of {type(module).__name__} from target to source was seen: what its decoder reads of the "
            "source could not be followed. Use a method that needs no internals: saliency, occlusion."
        )
    raise ModelCapabilityError(
        f"{type(module).__name__} computed no attention that could be watched. "
        "Use a method that needs no internals: saliency, integrated_gradients, occlusion."
    )
