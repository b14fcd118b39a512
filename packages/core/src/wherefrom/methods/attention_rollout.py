"""Attention multiplied through the layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen, validators

from wherefrom.adapters import GivesAttention, RowAttention
from wherefrom.arrays import Array, like, namespace
from wherefrom.errors import ModelCapabilityError
from wherefrom.methods._columns import PREDICTING_STATE, padded, per_output, steps_of
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage


@method(
    "attention_rollout",
    needs=(GivesAttention,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    aggregation=(Stage(name="normalize"),),
)
@frozen(kw_only=True)
class AttentionRollout(Method[GivesAttention]):
    """How much of each input reaches the state a step is predicted from, if attention alone moved information.

    Each layer mixes positions by ``A = residual · I + (1 - residual) · W``, where ``W`` is its attention averaged
    over heads; the rollout is the product of these matrices, and every row of it sums to 1, or to less where
    attention sinks (gpt-oss) take a part of the weights. Encoder-decoder models: each decoder layer mixes first by
    self-attention, then takes ``1 - residual`` of its state from the source, through its cross-attention composed with
    the encoder's rollout. Where both are weighed in one softmax, it does so at once: ``W`` has the columns of both.

    Good for one cheap matrix over all layers. Fails where heads disagree (they are averaged) and where values, norms
    and feed-forward layers matter, which it ignores; in deep models it tends to the same scores for every step.

    Source:
        Abnar & Zuidema (2020), section 3, https://arxiv.org/abs/2005.00928. The composition with cross-attention is
        ours: the paper treats encoders.
    """

    residual: float = field(default=0.5, validator=[validators.ge(0.0), validators.le(1.0)])
    """Share of each state that the residual connection carries past the attention."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: GivesAttention, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Rollout of each question's clean pass."""
        answers = model.attentions((question.row(scores=True) for question in questions), heads="mean")

        def made_of(question: Question, weights: RowAttention) -> Scores:
            source, target = rollout(weights, self.residual)
            return mixed_inputs(question, source, target, weights.scores)

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def mixed_inputs(
    question: Question, source: Array | None, target: Array, step_scores: Mapping[str, Array], **others: Any
) -> Scores:
    """Scores from the shares of the inputs in every decoder state.

    Args:
        source: Shape ``(queries, source)``, or None.
        target: Shape ``(queries, target)``.
    """
    wanted = question.attribute_target or source is None
    columns = [
        None if part is None else steps_of(part, question.steps) for part in (source, target if wanted else None)
    ]
    from_source, from_target = (
        None if part is None else per_output(question.target_function, part) for part in columns
    )
    return Scores(
        source=from_source,
        target=None if from_target is None else padded(from_target, len(question.target_ids)),
        step_scores=step_scores,
        **others,
    )


def require_every_block(unseen: int) -> None:
    """Refuse to follow inputs through a model some of whose blocks mix positions by other means than attention.

    Args:
        unseen: Blocks in which no attention was seen.

    Raises:
        ModelCapabilityError: There are some.
    """
    if unseen:
        raise ModelCapabilityError(
            f"{unseen} of this model's blocks have no attention (state spaces, convolutions or linear attention), so "
            "inputs cannot be followed through it: what those blocks carry from one position to another would be left "
            "out. Use occlusion, saliency or integrated_gradients. attention and value_zeroing may show single layers."
        )


def require_encoder(weights: RowAttention) -> None:
    """Refuse a decoder that is not all attention, and cross-attention into an encoder whose own is not to be had.

    Raises:
        ModelCapabilityError: As it says.
    """
    require_every_block(weights.unseen)
    if weights.cross is not None and weights.encoder is None:
        raise ModelCapabilityError(
            "This model's encoder attends in windows of its own and shows no weights between all positions, "
            "so the source cannot be followed through it. Use saliency. attention and value_zeroing may work too."
        )


def mixing(weights: Array, residual: float) -> Array:
    """Heads averaged, the residual connection added. ``(layers, heads, n, n)`` to ``(layers, n, n)``.

    Rows sum to 1 where those of the weights do.
    """
    xp = namespace(weights)
    mean = xp.mean(weights, axis=1)
    return residual * like(mean, xp.eye(mean.shape[-1], dtype=mean.dtype)) + (1 - residual) * mean


def rollout(weights: RowAttention, residual: float) -> tuple[Array | None, Array]:
    """Shares of source and target in each decoder state after the last layer.

    Returns:
        Shapes ``(queries, source)``, or None, and ``(queries, target)``; together each row sums to 1, less what sinks
        take.
    """
    xp = namespace(weights.decoder)
    decoder = mixing(weights.decoder, residual)
    target = like(decoder, xp.eye(decoder.shape[-1], dtype=decoder.dtype))
    require_encoder(weights)
    if weights.cross is None or weights.encoder is None:
        for layer in range(decoder.shape[0]):
            target = xp.matmul(decoder[layer, ...], target)
        return None, target
    encoder = mixing(weights.encoder, residual)
    encoded = like(encoder, xp.eye(encoder.shape[-1], dtype=encoder.dtype))
    for layer in range(encoder.shape[0]):
        encoded = xp.matmul(encoder[layer, ...], encoded)
    cross = xp.mean(weights.cross, axis=1)
    source = like(cross, xp.zeros(cross.shape[1:], dtype=cross.dtype))
    for layer in range(decoder.shape[0]):
        source, target = xp.matmul(decoder[layer, ...], source), xp.matmul(decoder[layer, ...], target)
        kept = 1.0 if weights.one_softmax else residual
        source = kept * source + (1 - residual) * xp.matmul(cross[layer, ...], encoded)
        target = kept * target
    return source, target
