"""Looking into the layers of a transformers model: their answers, and gradients with respect to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch
from wherefrom.adapters import Row
from wherefrom.adapters.layers import LayerGradients, LayerStates

from wherefrom_hf.running.attention_kernel import FUSED
from wherefrom_hf.running.chunking import chunks_of, positions_at_once
from wherefrom_hf.running.constants import need_differentiable
from wherefrom_hf.running.derivatives import true_derivatives
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.lengths import at_once, each_of_one_kind
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor, scores_of
from wherefrom_hf.running.probe import looking_into
from wherefrom_hf.running.whole_pass import Parts, WholePass, length_of, parts_at, run_whole


def layer_states(predictor: Predictor, rows: Iterable[Row], layer: Any, chunk: int | None) -> Iterator[LayerStates]:
    """See `wherefrom.adapters.layers.GivesLayers.layer_states`."""
    parts = parts_at(predictor, layer)
    for some in batches(predictor, rows, chunk):
        yield from _states(_run(predictor, some, parts, None), some)


def layer_gradients(
    predictor: Predictor, rows: Iterable[Row], layer: Any, states: Iterable[LayerStates] | None, chunk: int | None
) -> Iterator[LayerGradients]:
    """See `wherefrom.adapters.layers.GivesLayers.layer_gradients`."""
    need_differentiable(predictor.module)
    parts = parts_at(predictor, layer)
    given = None if states is None else iter(states)
    for some in batches(predictor, rows, chunk):
        answers = None if given is None else list(islice(given, len(some)))
        run = _run(predictor, some, parts, answers)
        values, output_gradients = run.evaluated()
        with true_derivatives(predictor.module), looking_into(predictor.module, "differentiated"):
            pulled = run.backward(output_gradients, len(some))
        logits = run.split(at_least_single(run.logits).detach())
        for row, value, own, grads, answered in zip(some, values, logits, pulled, _states(run, some), strict=True):
            assert row.target_function is not None
            wide = {side: at_least_single(one) for side, one in grads.items()}
            yield LayerGradients(
                values=row.target_function.grouped(value),
                states=answered,
                source=wide.get("source"),
                target=wide.get("target"),
                scores=scores_of(row, own),
            )


def batches(predictor: Predictor, rows: Iterable[Row], chunk: int | None, copies: int = 1) -> Iterator[list[Row]]:
    """Rows in lists that fit the budget; each row counts ``copies`` times. Each is read in one pass, see `lengths`."""
    budget = max(1, positions_at_once(predictor.device) // (2 * copies))
    rows, chunk = each_of_one_kind(predictor.module, rows), at_once(predictor.module, chunk)
    for part in chunks_of(rows, lambda row: length_of(row, "target") + length_of(row, "source"), budget, chunk):
        predictor.heed_given(part)
        yield from predictor.together(part)


def _run(predictor: Predictor, rows: list[Row], parts: Parts, given: list[LayerStates] | None) -> WholePass:
    predictor.probe.need_places()
    implementation = _attention(predictor, rows)
    attention = nullcontext() if implementation is None else attention_implementation(predictor.module, implementation)
    with attention, torch.enable_grad():
        return run_whole(predictor, rows, parts=parts, given=given)


def _attention(predictor: Predictor, rows: list[Row]) -> str | None:
    """Plain attention, whose backward passes can be batched, or the fused kernel for a decoder's rows whose weights
    would not fit; None: as the model was loaded."""
    fits = predictor.keeps_weights(len(rows), max(length_of(row, "target") for row in rows))
    if not fits and predictor.source is None and predictor.probe.same_under(FUSED) is None:
        return FUSED
    return "eager" if predictor.probe.same_under("eager") is None else None


def _states(run: WholePass, rows: list[Row]) -> Iterator[LayerStates]:
    leaves = run.leaves.of
    for i, row in enumerate(rows):
        source, target = leaves.get("source"), leaves.get("target")
        yield LayerStates(
            source=None if source is None else at_least_single(source[i, : length_of(row, "source")].detach()),
            target=None if target is None else at_least_single(target[i, : length_of(row, "target")].detach()),
        )
