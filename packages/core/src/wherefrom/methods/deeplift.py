"""DeepLIFT: what each input adds to the difference from a baseline, by chords instead of tangents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import Embeds, Row
from wherefrom.adapters.rescale import GivesRescale, RowMultipliers
from wherefrom.arrays import Array, BoolArray, FloatArray, to_numpy
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.half_precision import half_precision
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.methods.output_by_output import output_by_output, times, totals
from wherefrom.methods.paths.baselines import DEFAULT, endpoints
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting

ACCEPTED_GAP = 0.01
"""Part of the score that the shares may miss before a warning says so; ten times that for models in half precision."""
CANCELLED = 100 * float(np.finfo(np.float32).eps)
"""Part of the largest share of a channel that rounding alone may leave of the sum."""


@method(
    "deeplift",
    needs=(GivesRescale,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class DeepLift(Method[GivesRescale]):
    """Each embedding's share of the change from the baseline, propagated by the rescale rule.

    ``(x − b) · m`` with multipliers ``m`` chained from the score down: a non-linearity passes on ``Δout /
    Δin`` instead of its derivative, a product of two changing factors gives each the mean of the other,
    softmax and norms are taken apart into such steps. Shape ``(inputs, steps, width)``, in units of the
    score. Signed and complete: the shares of a step sum to ``f(x) − f(b)``.

    Good for: completeness at the price of two passes, no saturation. Fails: two models that compute the same
    function in different ways can get different shares (integrated gradients cannot), and everything rests on
    one baseline.

    At the very end, where the target function turns logits into a score, its gradient is integrated between
    the two logits, so that any differentiable target function is complete.

    Source:
        Shrikumar, Greenside & Kundaje (2017), https://arxiv.org/abs/1704.02685 (rescale rule). The rule for
        products is the Shapley value of the two factors, as in Lundberg & Lee (2017),
        https://arxiv.org/abs/1705.07874.
    """

    former_names: ClassVar[dict[str, str]] = {"baselines": "baseline"}

    baseline: Any = DEFAULT
    """What is compared with: a name, ids or embeddings; see `methods.paths.baselines`."""
    multiply_by_inputs: bool = True
    """Multiply by ``x − b``; without it the multipliers themselves are given."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once, each with its baseline; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ shares − (f(x) − f(b))``."""

    def cost(self, question: Question) -> Cost:
        """The row and its baseline."""
        return Cost(forwards=2, backwards=question.target_function.outputs)

    def attribute(self, model: GivesRescale, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """Two forward passes per question, one backward row per output."""
        yield from shares_of_change(self, model, questions, progress, layer=None)


def shares_of_change(
    method: Any, model: GivesRescale, questions: Sequence[Question], progress: Progress, *, layer: Any
) -> Iterator[Scores]:
    """Multipliers times changes for each question, at the embeddings or at a layer.

    Args:
        method: Has ``identifier``, ``baseline``, ``multiply_by_inputs``, ``internal_batch_size`` and
            ``return_convergence_delta``.
    """
    narrow, _ = half_precision(model)
    gap = ACCEPTED_GAP * (10 if narrow else 1)
    rows = [question.row(scores=True) for question in questions]
    baselines = [baseline_row(model, question, method.baseline) for question in questions]
    answers = model.rescaled_gradients(rows, baselines, layer=layer, chunk=method.internal_batch_size)
    made_of = partial(_scores, method, complete=layer is None, gap=gap)
    yield from one_answer_at_a_time(questions, answers, made_of, "attribute", progress)


def baseline_row(model: Embeds, question: Question, baseline: Any) -> Row:
    """The question's row with all that is attributed at its baseline."""
    embeddings: dict[str, Array] = {}
    if (ends := endpoints(model, question, "source", baseline)) is not None:
        embeddings["source_embeds"] = ends.baseline
    if question.attribute_target and (ends := endpoints(model, question, "target", baseline)) is not None:
        embeddings["target_embeds"] = ends.baseline
    return question.row(**embeddings)


def unexplained(deltas: FloatArray, answer: RowMultipliers, gap: float = ACCEPTED_GAP) -> BoolArray:
    """Where ``deltas``, shape ``(K,)``, are more than ``gap`` of the scores' size, or no numbers.

    A score that is none itself has no share to miss: see `wherefrom.methods.finite`.
    """
    size = np.maximum(np.abs(to_numpy(answer.values)), np.abs(to_numpy(answer.baseline_values)))
    missed: BoolArray = np.isfinite(size) & ~(np.abs(deltas) <= gap * np.maximum(size, np.finfo(np.float32).tiny))
    return missed


def _scores(method: Any, question: Question, answer: RowMultipliers, *, complete: bool, gap: float) -> Scores:
    sides: dict[str, FloatArray | None] = {"source": None, "target": None}
    total = np.zeros(len(to_numpy(answer.values)))
    for side, length in (("source", None), ("target", len(question.target_ids))):
        multipliers, change = getattr(answer, side), getattr(answer, f"{side}_change")
        if multipliers is None:
            continue
        total = total + totals(multipliers, change)
        sides[side] = output_by_output(multipliers, times(change if method.multiply_by_inputs else None), length)
    if not question.attribute_target and complete:
        sides["target"] = None
    deltas = total - (to_numpy(answer.values) - to_numpy(answer.baseline_values))
    step_scores = dict(answer.scores)
    if method.return_convergence_delta:
        step_scores["deltas"] = deltas
    warnings: tuple[str, ...] = ()
    left = unexplained(deltas, answer, gap)
    if complete and left.any():
        missed = np.abs(deltas[left])
        shares = [np.abs(side[:, left]).max(axis=(0, 2)) for side in sides.values() if side is not None]
        largest = np.max(shares, axis=0)
        cancel = method.multiply_by_inputs and bool((missed <= CANCELLED * largest).all())
        cause = (
            f"shares of up to {largest.max():.2g} cancel, and rounding is what is left. Take another baseline."
            if cancel
            else "the model has an operation that the rescale rule does not know."
        )
        warnings = (
            f"{method.identifier}: for {int(left.sum())} of {len(deltas)} steps the shares miss the change of score "
            f"by up to {missed.max():.2g}: {cause}",
        )
    return Scores(source=sides["source"], target=sides["target"], step_scores=step_scores, warnings=warnings, new=True)
