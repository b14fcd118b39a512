"""Saliency: the gradient itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from wherefrom.adapters import GivesGradients, RowGradients
from wherefrom.arrays import Array, namespace
from wherefrom.methods.contract import L2_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.methods.output_by_output import output_by_output
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


@method(
    "saliency",
    needs=(GivesGradients,),
    signed=False,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=L2_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class Saliency(Method[GivesGradients]):
    """How strongly each embedding channel moves the score, at the input as it is.

    ``|d f / d x|``, shape ``(inputs, steps, width)``, in units of the score per unit of embedding.

    Good for: a fast first look, one forward pass and one batched backward pass for all steps. Fails: where the model is
    saturated the gradient is small though the input matters; without its sign it cannot tell help from harm.

    Source:
        Simonyan, Vedaldi & Zisserman (2013), https://arxiv.org/abs/1312.6034.
    """

    abs: bool = True
    """Take absolute values; False keeps the signed gradient."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        rows = [question.row(scores=True) for question in questions]
        target = any(question.attribute_target for question in questions)
        answers = model.gradients(rows, target=target)
        yield from one_answer_at_a_time(questions, answers, self._scores, "attribute", progress)

    def _scores(self, question: Question, answer: RowGradients) -> Scores:
        source, target = (output_by_output(part, self._of) for part in (answer.source, answer.target))
        return Scores(source=source, target=target, step_scores=answer.scores, new=True)

    def _of(self, gradients: Array) -> Array:
        return namespace(gradients).abs(gradients) if self.abs else gradients
