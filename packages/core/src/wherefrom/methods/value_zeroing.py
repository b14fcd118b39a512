"""Zero a position's value vectors and see which states move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from wherefrom.adapters.internals import Heads, Metric, RowZeroing, Where, ZeroesValues, heads_from
from wherefrom.arrays import Array, like, namespace
from wherefrom.methods._columns import MEAN_THEN_NORMALIZE, PREDICTING_STATE, padded, per_output, rows_first, square
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question

_NEGLIGIBLE = 1e-5
"""Distances below this are rounding, and count as 0."""


def _readable(instance: Any, attribute: Any, value: Any) -> None:
    heads_from(value, attribute.name)


@method(
    "value_zeroing",
    needs=(ZeroesValues,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    dimensions=("layer",),
    aggregation=MEAN_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class ValueZeroing(Method[ZeroesValues]):
    """How much the state of one position moves, layer by layer, when the value vectors of another are zeroed.

    For layer ``l``, query ``i`` and key ``j``: with ``v_j = 0`` in the attention of that layer, its inputs
    and weights left as they are, the block's output at ``i`` moves by ``d(clean, zeroed)``. Distances below
    1e-5 become 0; then those of one query sum to 1. The last layer is read behind the model's final norm.
    The change is of rank one, so a block is computed again for the pairs of a query and a key only, at no
    further forward pass.

    Encoder-decoder models: zeroing in the cross-attention scores the source, in the decoder's
    self-attention the target.

    Good for the whole block: norm, residual connection and feed-forward layer have their say, which
    attention weights and their norms leave out. Fails across layers (each is looked at alone; combine them
    by rollout) and says nothing about the predicted token: scores do not depend on ``attributed_fn``.

    Source:
        Mohebbi, Zuidema, Chrupała & Alishahi (2023), section 3, https://arxiv.org/abs/2301.12971.
    """

    similarity_metric: Metric = "cosine"
    """``"cosine"``: 1 minus the cosine similarity. ``"euclidean"``: the length of the difference."""
    encoder_zeroed_units_indices: Any = field(default=None, validator=_readable)
    """Key/value heads zeroed in the encoder: None all, an index, a range ``(start, end)``, a list, or a
    dictionary from layer to one of these; layers it does not name score 0."""
    decoder_zeroed_units_indices: Any = field(default=None, validator=_readable)
    """The same for the decoder's self-attention."""
    cross_zeroed_units_indices: Any = field(default=None, validator=_readable)
    """The same for the cross-attention."""
    output_decoder_self_scores: bool = True
    """Encoder-decoder, target not attributed: give the decoder's scores as
    ``sequence_scores["decoder_self_scores"]``?"""
    output_encoder_self_scores: bool = True
    """Encoder-decoder: give the encoder's scores as ``sequence_scores["encoder_self_scores"]``?"""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: ZeroesValues, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """One pass per question; its blocks again for every pair."""
        heads: dict[Where, Heads] = {
            "encoder": heads_from(self.encoder_zeroed_units_indices, "encoder_zeroed_units_indices"),
            "decoder": heads_from(self.decoder_zeroed_units_indices, "decoder_zeroed_units_indices"),
            "cross": heads_from(self.cross_zeroed_units_indices, "cross_zeroed_units_indices"),
        }
        on_target = any(question.attribute_target or question.source_ids is None for question in questions)
        answers = model.zeroed_values(
            [question.row(scores=True) for question in questions],
            metric=self.similarity_metric,
            heads=heads,
            every_query=not on_target,
            encoder=self.output_encoder_self_scores,
            decoder=on_target or self.output_decoder_self_scores,
        )

        def made_of(question: Question, zeroing: RowZeroing) -> Scores:
            size = len(question.target_ids)
            source = target = None
            others: dict[str, Array] = {}
            if zeroing.cross is not None:
                source = per_output(question.target_function, rows_first(shares(zeroing.cross)))
            if on_target:
                target = padded(per_output(question.target_function, rows_first(shares(zeroing.decoder))), size)
            elif self.output_decoder_self_scores:
                others["decoder_self_scores"] = square(shares(zeroing.decoder), size)
            if zeroing.encoder is not None:
                others["encoder_self_scores"] = square(shares(zeroing.encoder), zeroing.encoder.shape[-1])
            return Scores(source=source, target=target, step_scores=zeroing.scores, sequence_scores=others)

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def shares(distances: Array) -> Array:
    """Each query's distances over their sum, rounding left out; all 0 where nothing moved."""
    xp = namespace(distances)
    zero = like(distances, 0.0, dtype=distances.dtype)
    kept = xp.where(distances < _NEGLIGIBLE, zero, distances)
    sums = xp.sum(kept, axis=-1, keepdims=True)
    return kept / xp.where(sums == 0, zero + 1.0, sums)
