"""Input times gradient: the first-order part of the score that each input carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from wherefrom.adapters import GivesGradients, RowGradients
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.methods.output_by_output import output_by_output, times
from wherefrom.progress import Progress
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

        def made_of(question: Question, answer: RowGradients) -> Scores:
            source = into_target = None
            if answer.source is not None and question.source_ids is not None:
                embeddings = model.embed(question.source_ids, side="source")
                source = output_by_output(answer.source, times(embeddings))
            if answer.target is not None:
                embeddings = model.embed(question.target_ids, side="target")
                into_target = output_by_output(answer.target, times(embeddings))
            return Scores(source=source, target=into_target, step_scores=answer.scores, new=True)

        answers = model.gradients(rows, target=target)
        yield from one_answer_at_a_time(questions, answers, made_of, "attribute", progress)
