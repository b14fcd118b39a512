"""Which words of an output would have been others, or less certain, without the context.

Context-sensitive token identification: every token of the output is predicted with and without the context, and a
contrastive step function says how far the two predictions are apart. Both passes cover all tokens.

Source:
    Sarti, Chrupała, Nissim & Bisazza (2024), section 3.1, https://arxiv.org/abs/2310.01188. The prediction *without*
    context is the original, the one *with* context its contrast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen

from wherefrom.adapters import PredictsSteps, Row
from wherefrom.arrays import Array, FloatArray, IntArray, namespace, to_numpy
from wherefrom.context.readings import ForcedRun
from wherefrom.errors import InputError, SettingsError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction


@frozen(kw_only=True, eq=False)
class Sensitivity:
    """How much each token of the output depends on the context."""

    scores: FloatArray
    """The metric, with the context as contrast, shape ``(G,)``."""
    contextless_logits: Array
    """Predictions without the context, shape ``(G, vocabulary)``, the model's own array."""
    most_likely_without: IntArray
    """What the model would rather have said at each step without the context, shape ``(G,)``."""


def require_contrastive_metric(metric: StepFunction) -> None:
    """Refuse a metric that compares nothing.

    Raises:
        SettingsError: It is not contrastive; the message lists those that are.
    """
    if not metric.contrastive:
        known = [name for name in STEP_FUNCTIONS if STEP_FUNCTIONS.get(name).contrastive]
        raise SettingsError(
            f"context_sensitivity_metric={metric.identifier!r} compares nothing. Choose one that compares the "
            f"predictions with and without context: {', '.join(known)}."
        )


def sensitivity(model: PredictsSteps, full: ForcedRun, bare: ForcedRun, metric: StepFunction) -> Sensitivity:
    """The metric at every token of the output, from two forward passes.

    Args:
        full: The output behind its context.
        bare: The same ids without it.
        metric: A contrastive step function.
    """
    with_context, without = model.predict([full.row(), bare.row()])
    scores = _values(metric, full.output_ids, without.logits, with_context.logits)
    require_finite(scores, metric)
    return Sensitivity(
        scores=scores,
        contextless_logits=without.logits,
        most_likely_without=_most_likely(without.logits),
    )


def null_scores(
    model: PredictsSteps, rows: Sequence[Row], output_ids: IntArray, contextless_logits: Array, metric: StepFunction
) -> Iterator[FloatArray]:
    """The metric with other contexts in the place of the real one: one forward pass for each row, shape ``(G,)``."""
    for answer in model.predict(rows):
        yield _values(metric, output_ids, contextless_logits, answer.logits)


def require_finite(scores: FloatArray, metric: StepFunction) -> None:
    """Refuse scores that are no numbers.

    Raises:
        InputError: Some are infinite or undefined.
    """
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise InputError(
            f"{metric.identifier} is not finite at output token(s) {wrong.tolist()}: the model rules a token out "
            "entirely. Use another context_sensitivity_metric, such as contrast_prob_diff."
        )


def _values(metric: StepFunction, ids: IntArray, without: Array, with_context: Array) -> FloatArray:
    target_function = TargetFunction(function=metric, target_ids=ids, contrast_ids=ids, contrast_logits=with_context)
    values: FloatArray = to_numpy(target_function.step_values(without)).astype(np.float64)
    return values


def _most_likely(logits: Array) -> IntArray:
    best: IntArray = to_numpy(namespace(logits).argmax(logits, axis=-1)).astype(np.int64)
    return best
