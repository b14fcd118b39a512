"""Attention weights times what the score gains by them, followed through the layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import field, frozen

from wherefrom.adapters.attention_gradients import RollsAttentionGradients, RowRollout
from wherefrom.arrays import namespace
from wherefrom.methods._columns import padded
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage
from wherefrom.settings import counting


@method(
    "attention_gradient_rollout",
    needs=(RollsAttentionGradients,),
    signed=False,
    uses_target_function=True,
    differentiates=True,
    aggregation=(Stage(name="normalize"),),
)
@frozen(kw_only=True)
class AttentionGradientRollout(Method[RollsAttentionGradients]):
    """How much of each input reaches the state a step is predicted from, along attention that raises the score.

    Each layer's map is ``Ā = mean over heads of (∂f/∂A ⊙ A)⁺``, and the rollout ``R ← R + Ā R`` from ``R = I``;
    scores are the row of the predicting state, less the one that it begins with. Not negative, shape
    ``(inputs, steps)``, in no unit: normalised by default. One forward pass for all steps, one batched backward pass
    per step.

    Encoder-decoder models: the same rule over source and target as one sequence, in which cross-attention is the map
    from target to source. The paper's rule for cross-attention also puts the decoder's own rollout, transposed, in
    front; in a causal decoder that would mix in later positions, so it is left out here.

    Good for: what plain rollout lacks, a look at the predicted token. Fails: what lowers the score is cut off, so that
    ``crossentropy`` shows what speaks against the token, not for it; values, norms and feed-forward layers are seen
    only through the gradient of the weights.

    Source:
        Chefer, Gur & Wolf (2021), Generic attention-model explainability, section 3,
        https://arxiv.org/abs/2103.15679.
    """

    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once; None lets the model's adapter choose."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(
        self, model: RollsAttentionGradients, questions: Sequence[Question], progress: Progress
    ) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        rows = [question.row(scores=True) for question in questions]
        answers = model.attention_gradient_rollouts(rows, chunk=self.internal_batch_size)

        def made_of(question: Question, answer: RowRollout) -> Scores:
            source, target = answer.source, answer.target
            wanted = question.attribute_target or source is None
            return Scores(
                source=None if source is None else namespace(source).permute_dims(source, (1, 0)),
                target=padded(namespace(target).permute_dims(target, (1, 0)), len(question.target_ids))
                if wanted
                else None,
                step_scores=answer.scores,
            )

        yield from one_answer_at_a_time(questions, answers, made_of, "attribute", progress)
