"""No attribution at all: step scores alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from wherefrom.adapters import PredictsSteps
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.progress import Progress, counted
from wherefrom.questions.question import Question


@method(
    "dummy",
    needs=(PredictsSteps,),
    signed=False,
    uses_target_function=False,
    explains="nothing at all",
    differentiates=False,
)
@frozen(kw_only=True)
class Dummy(Method[PredictsSteps]):
    """Attributes nothing; for the step scores, which it reads from one forward pass of all examples together.

    Good for: probabilities, entropies and contrasts of given texts at the price of a forward pass, with any model that
    can predict. Fails: to explain. Without ``step_scores`` it does not even run the model.
    """

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1 if question.scores else 0)

    def attribute(self, model: PredictsSteps, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One forward pass per question that asks for scores, none for others."""
        rows = [question.row(scores=True, target_function=None) for question in questions if question.scores]
        answers = counted(model.predict(rows), "score", len(rows), progress) if rows else iter(())
        for question in questions:
            yield Scores(step_scores=next(answers).scores if question.scores else {})
