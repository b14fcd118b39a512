"""Attention weights, as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from attrs import field, frozen, validators

from wherefrom.adapters import GivesAttention, RowAttention
from wherefrom.arrays import Array
from wherefrom.methods._columns import (
    MEAN_THEN_NORMALIZE,
    PREDICTING_STATE,
    padded,
    per_output,
    rows_first,
    square,
    steps_of,
)
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


@method(
    "attention",
    needs=(GivesAttention,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    dimensions=("layer", "head"),
    aggregation=MEAN_THEN_NORMALIZE * 2,
)
@frozen(kw_only=True)
class Attention(Method[GivesAttention]):
    """How much each position was attended to when a token was predicted.

    The score of input ``j`` at step ``t`` is the post-softmax weight from query position ``t - 1`` to ``j``, for
    every layer and head; over all keys the weights of one head sum to 1. One forward pass gives every step.
    Encoder-decoder models: cross-attention scores the source, the decoder's self-attention the target; what is not
    asked for as a score, and the encoder's self-attention, goes to ``sequence_scores``, attended position first. Where
    a model weighs source and target in one softmax (T5Gemma 2), the weights of both sum to 1 together.

    Good for a look at what heads do. Fails as an explanation where the value vectors behind large weights are small
    (the first token often draws attention that carries nothing), and beyond the first layer, whose positions have
    mixed already: `attention_rollout`, `value_norms`, `alti` and `value_zeroing` correct one or both.

    Source:
        Bahdanau, Cho & Bengio (2015), section 3.1, https://arxiv.org/abs/1409.0473;
        on its limits: Jain & Wallace (2019), https://arxiv.org/abs/1902.10186.
    """

    heads: Literal["all", "mean"] = field(default="all", validator=validators.in_(("all", "mean")))
    """``"mean"``: heads are averaged as each layer is read, and the scores have one head. For long inputs of which only
    the average is wanted."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: GivesAttention, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Weights of each question's clean pass."""
        # all queries where the decoder's own attention is shown whole
        whole = any(question.source_ids is not None and not question.attribute_target for question in questions)
        answers = model.attentions(
            (question.row(scores=True) for question in questions),
            queries="all" if whole else "steps",
            heads=self.heads,
        )

        def made_of(question: Question, weights: RowAttention) -> Scores:
            source: Array | None = None

            def columns_of(part: Array) -> Array:
                of_steps = steps_of(part, question.steps) if whole else rows_first(part)
                return per_output(question.target_function, of_steps)

            columns = columns_of(weights.decoder)
            target: Array | None = padded(columns, len(question.target_ids))
            others: dict[str, Array] = {}
            if weights.cross is not None:
                source = columns_of(weights.cross)
                if not question.attribute_target:
                    target = None
                    others["decoder_self_attentions"] = square(weights.decoder, len(question.target_ids))
            if weights.encoder is not None:
                others["encoder_self_attentions"] = square(weights.encoder, weights.encoder.shape[-1])
            return Scores(source=source, target=target, step_scores=weights.scores, sequence_scores=others)

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)
