"""Embeddings times gradients, for methods whose gradients follow rules of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wherefrom.adapters import RowGradients, Side
from wherefrom.adapters.gradient_rules import FollowsGradientRules, GradientRules
from wherefrom.arrays import Array
from wherefrom.methods.contract import Scores
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.methods.output_by_output import output_by_output, times
from wherefrom.methods.paths.baselines import endpoints
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


def ruled_scores(
    model: FollowsGradientRules,
    questions: Sequence[Question],
    progress: Progress,
    *,
    rules: GradientRules,
    baseline: Any,
    chunk: int | None,
) -> Iterator[Scores]:
    """``x · ∂f/∂x`` under rules, or ``(x − b) · ∂f/∂x`` where a baseline is given, for each question."""
    if baseline is not None:
        for question in questions:  # refused before the model is asked
            for side in ("source", "target"):
                endpoints(model, question, side, baseline)
    rows = [question.row(scores=True) for question in questions]
    target = any(question.attribute_target or question.source_ids is None for question in questions)
    answers = model.ruled_gradients(rows, rules=rules, chunk=chunk, target=target)

    def made_of(question: Question, answer: RowGradients) -> Scores:
        source = into_target = None
        if answer.source is not None:
            factors = _factors(model, question, "source", baseline)[: answer.source.shape[1]]
            source = output_by_output(answer.source, times(factors))
        if answer.target is not None:
            factors = _factors(model, question, "target", baseline)[: answer.target.shape[1]]
            into_target = output_by_output(answer.target, times(factors), len(question.target_ids))
        return Scores(source=source, target=into_target, step_scores=answer.scores, new=True)

    yield from one_answer_at_a_time(questions, answers, made_of, "attribute", progress)


def _factors(model: FollowsGradientRules, question: Question, side: Side, baseline: Any) -> Array:
    """Embeddings of a side, less the baseline's; shape ``(length, width)``."""
    if baseline is not None:
        ends = endpoints(model, question, side, baseline)
        assert ends is not None
        return ends.difference
    ids = question.ids(side)
    assert ids is not None
    return model.embed(ids, side=side)
