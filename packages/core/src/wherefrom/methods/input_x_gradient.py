"""Input times gradient: the first-order part of the score that each input carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from wherefrom.adapters import GivesGradients
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, inputs_first, method
from wherefrom.methods.cost import Cost
from wherefrom.progress import Progress, counted
from wherefrom.questions.question import Question


@method(
    "input_x_gradient",
    needs=(GivesGradients,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class InputXGradient(Method[GivesGradients]):
    """Each embedding times the gradient of the score with respect to it.

    ``x · d f / d x``, shape ``(inputs, steps, width)``, in units of the score. Signed.

    Good for: as cheap as saliency, with a sign; exact for a model that is linear in its embeddings. Fails: saturation,
    and it measures against the zero embedding, which is no neutral input for most models.

    Source:
        Shrikumar, Greenside, Shcherbina & Kundaje (2016), https://arxiv.org/abs/1605.01713.
    """

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        rows = [question.row(scores=True) for question in questions]
        target = any(question.attribute_target for question in questions)
        answers = counted(model.gradients(rows, target=target), "attribute", len(rows), progress)
        for question, answer in zip(questions, answers, strict=True):
            source, into_target = inputs_first(answer.source), inputs_first(answer.target)
            if source is not None and question.source_ids is not None:
                source = source * model.embed(question.source_ids, side="source")[:, None, :]
            if into_target is not None:
                into_target = into_target * model.embed(question.target_ids, side="target")[:, None, :]
            yield Scores(source=source, target=into_target, step_scores=answer.scores)
