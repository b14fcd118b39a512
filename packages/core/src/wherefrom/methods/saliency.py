"""Saliency: the gradient itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from attrs import frozen

from wherefrom.adapters import GivesGradients
from wherefrom.arrays import namespace
from wherefrom.methods.contract import L2_THEN_NORMALIZE, Scores, inputs_first, method
from wherefrom.methods.cost import Cost
from wherefrom.progress import Progress, counted
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage


@method
@frozen(kw_only=True)
class Saliency:
    """How strongly each embedding channel moves the score, at the input as it is.

    ``|d f / d x|``, shape ``(inputs, steps, width)``, in units of the score per unit of embedding.

    Good for: a fast first look, one forward pass and one batched backward pass for all steps. Fails: where the model is
    saturated the gradient is small though the input matters; without its sign it cannot tell help from harm.

    Source:
        Simonyan, Vedaldi & Zisserman (2013), https://arxiv.org/abs/1312.6034.
    """

    identifier: ClassVar[str] = "saliency"
    dimensions: ClassVar[tuple[str, ...]] = ("width",)
    aggregation: ClassVar[tuple[Stage, ...]] = L2_THEN_NORMALIZE
    signed: ClassVar[bool] = False
    needs: ClassVar[tuple[type, ...]] = (GivesGradients,)
    uses_target_function: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True

    abs: bool = True
    """Take absolute values; False keeps the signed gradient."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        rows = [question.row(scores=True) for question in questions]
        target = any(question.attribute_target for question in questions)
        answers = counted(model.gradients(rows, target=target), "attribute", len(rows), progress)
        for answer in answers:
            source, target_scores = inputs_first(answer.source), inputs_first(answer.target)
            if self.abs:
                source, target_scores = (
                    None if part is None else namespace(part).abs(part) for part in (source, target_scores)
                )
            yield Scores(source=source, target=target_scores, step_scores=answer.scores)
