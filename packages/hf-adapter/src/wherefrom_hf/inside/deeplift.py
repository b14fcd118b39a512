"""DeepLIFT's multipliers through a whole transformers model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Row, RowFunction, Side
from wherefrom.adapters.rescale import RowMultipliers
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_watch import blocks_of, encoder_modules
from wherefrom_hf.inside.layers import batches
from wherefrom_hf.inside.rescale_rules import rescale_rule
from wherefrom_hf.inside.secants import secant, secants_of
from wherefrom_hf.running.derivatives import differentiable_values, true_derivatives
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor, scores_of
from wherefrom_hf.running.probe import looking_into, need_beside, need_same
from wherefrom_hf.running.scaled import kept_as
from wherefrom_hf.running.whole_pass import Parts, length_of, parts_at, run_whole

FIRST_POINTS = 16
LAST_POINTS = 256
GAP = 1e-6
"""Part of the values' size that the integral over logits may miss before more points are taken."""


def rescaled_gradients(
    predictor: Predictor, rows: Iterable[Row], baselines: Iterable[Row], layer: Any, chunk: int | None
) -> Iterator[RowMultipliers]:
    """See `wherefrom.adapters.rescale.GivesRescale.rescaled_gradients`."""
    predictor.probe.need_places()
    predictor.probe.warn_of_other_lookups()
    need_same(predictor.probe, "eager")
    need_beside(predictor.probe)
    parts = None if layer is None else parts_at(predictor, layer)
    with looking_into(predictor.module, "differentiated by the rescale rule"):
        whole = secants_of(predictor.module)
    _need_outside(whole, parts)
    against = iter(baselines)
    for real in batches(predictor, rows, chunk, copies=2):
        base = list(islice(against, len(real)))
        with (
            looking_into(predictor.module, "differentiated by the rescale rule"),
            attention_implementation(predictor.module, "eager"),
            torch.enable_grad(),
            rescale_rule(predictor.module, whole, secant),
            _rows_first(predictor.module, 2 * len(real)),
        ):
            run = run_whole(predictor, [*real, *base], parts=parts)
        # values come in double precision so that the last steps of the chain do not lose what the model gave
        logits = run.split(run.logits.detach().double())
        output_gradients = torch.zeros_like(run.logits, dtype=kept_as(run.logits.dtype))
        answers = []
        begin = 0
        for row, at_real, at_base in zip(real, logits[: len(real)], logits[len(real) :], strict=True):
            assert row.target_function is not None
            multipliers, values, base_values = integrated(row.target_function, at_real, at_base)
            output_gradients[begin : begin + len(at_real)] = multipliers.to(output_gradients.dtype)
            begin += len(at_real)
            answers.append((values, base_values))
        with true_derivatives(predictor.module), looking_into(predictor.module, "differentiated by the rescale rule"):
            pulled = run.backward(output_gradients, len(real))
        _need_numbers(predictor, pulled, answers)
        leaves: dict[Side, Tensor] = {side: leaf.detach() for side, leaf in run.leaves.of.items()}
        for i, (row, grads, (values, base_values)) in enumerate(zip(real, pulled, answers, strict=True)):
            wide = {side: at_least_single(one) for side, one in grads.items()}
            changes: dict[Side, Tensor] = {
                side: at_least_single((leaf[i] - leaf[len(real) + i])[: length_of(row, side)])
                for side, leaf in leaves.items()
            }
            assert row.target_function is not None
            yield RowMultipliers(
                values=row.target_function.grouped(values).float(),
                baseline_values=row.target_function.grouped(base_values).float(),
                source=wide.get("source"),
                target=wide.get("target"),
                source_change=changes.get("source"),
                target_change=changes.get("target"),
                scores=scores_of(row, logits[i].float()),
            )


def _need_outside(whole: Iterable[nn.Module], parts: Parts | None) -> None:
    """Refuse layers inside of blocks that are not looked into.

    Raises:
        ModelCapabilityError: As it says.
    """
    asked = {id(part) for side in (parts or {}).values() for part in side}
    for block in whole:
        inside = next((part for part in block.modules() if part is not block and id(part) in asked), None)
        if inside is not None:
            raise ModelCapabilityError(
                f"{type(inside).__name__} is a part of {type(block).__name__}, inside of which the rescale rule cannot "
                f"pair rows with baselines. Attribute to {type(block).__name__} itself, or use "
                "layer_integrated_gradients."
            )


@contextmanager
def _rows_first(module: PreTrainedModel, rows: int) -> Iterator[None]:
    """Refuse, within the block, a decoder whose blocks are given positions ahead of rows: real rows and baselines are
    told apart by the first axis.

    Raises:
        ModelCapabilityError: As it says.
    """

    def check(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if given and given[0].ndim == 3 and given[0].shape[0] != rows == given[0].shape[1]:
            raise ModelCapabilityError(
                f"{type(part).__name__} is given states of shape {tuple(given[0].shape)}, positions ahead of the "
                f"{rows} rows, which the rescale rule cannot tell apart then. Use integrated_gradients, which needs "
                "no rules."
            )

    encoder = encoder_modules(module)
    with ExitStack() as stack:
        for part, _ in blocks_of(module):
            if part not in encoder:
                stack.callback(part.register_forward_pre_hook(check, with_kwargs=True).remove)
        yield


def _need_numbers(
    predictor: Predictor, pulled: Iterable[dict[Side, Tensor]], values: Iterable[tuple[Tensor, Tensor]]
) -> None:
    """Refuse multipliers that are no numbers where the model's own values are.

    Raises:
        ModelCapabilityError: As it says.
    """
    for grads, pair in zip(pulled, values, strict=True):
        sound = all(bool(part.isfinite().all()) for part in pair)
        if sound and not all(bool(part.isfinite().all()) for part in grads.values()):
            raise ModelCapabilityError(
                f"The multipliers of {type(predictor.module).__name__} are not numbers: it has an operation that the "
                "rescale rule does not know. Use integrated_gradients, which needs no rules."
            )


def integrated(target_function: RowFunction, real: Tensor, base: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of each step's value, averaged between two logits.

    Args:
        real: Logits of the row, shape ``(G, vocabulary)``.
        base: Logits of its baseline.

    Returns:
        Multipliers ``(G, vocabulary)`` with ``Σ multipliers · (real − base) = value(real) − value(base)``, and both
        values, shape ``(G,)``.
    """
    with torch.no_grad():
        values, base_values = target_function.step_values(real), target_function.step_values(base)
    points = FIRST_POINTS
    while True:
        nodes, weights = np.polynomial.legendre.leggauss(points)
        average = torch.zeros_like(real)
        for node, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
            at = (base + float(node) * (real - base)).requires_grad_()
            (output_gradient,) = torch.autograd.grad(differentiable_values(target_function, at).sum(), at)
            average += float(weight) * output_gradient
        missed = ((average * (real - base)).sum(-1) - (values - base_values)).abs()
        size = torch.maximum(values.abs(), base_values.abs())
        if points >= LAST_POINTS or bool((missed <= GAP * size).all()):
            return average, values, base_values
        points *= 2
