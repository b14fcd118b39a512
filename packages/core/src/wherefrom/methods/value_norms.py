"""How long the vectors are that attention adds up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from attrs import frozen

from wherefrom.adapters.internals import DecomposesStates, RowTerms, Where
from wherefrom.arrays import Array, at_least_single, namespace
from wherefrom.methods._columns import MEAN_THEN_NORMALIZE, PREDICTING_STATE, padded, per_output, square, steps_of
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


@method(
    "value_norms",
    needs=(DecomposesStates,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    dimensions=("layer",),
    aggregation=MEAN_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class ValueNorms(Method[DecomposesStates]):
    """The length of what each position adds to the attention's output: ``‖Σ_h α_h f_h(x_j)‖``.

    ``α_h`` is the weight of head ``h`` and ``f_h(x)`` its value vector through the output projection,
    biases of the values included; summed over ``j`` as vectors, and with the projection's bias, they are
    the attention's output exactly. One number per layer, in the units of the residual stream. One forward
    pass gives every step.

    Good where attention weights mislead: a large weight on a short vector counts little. Fails where long
    vectors cancel, sees neither residual connection nor feed-forward layers, and looks at each layer alone,
    like `attention`.

    Source:
        Kobayashi, Kuribayashi, Yokoi & Inui (2020), section 3, https://arxiv.org/abs/2004.10102.
    """

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: DecomposesStates, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Norms in each question's clean pass."""
        every = not all(question.attribute_target or question.source_ids is None for question in questions)
        rows = [question.row(scores=True) for question in questions]
        answers = model.attention_terms(rows, queries="all" if every else "steps")

        def made_of(question: Question, terms: RowTerms) -> Scores:
            norms = norms_by_kind(terms)
            size = len(question.target_ids)
            steps = question.steps if every else question.steps - question.steps[0] + 1
            columns = per_output(question.target_function, steps_of(norms["decoder"], steps))
            source: Array | None = None
            target: Array | None = padded(columns, size)
            others: dict[str, Array] = {}
            if "cross" in norms:
                source = per_output(question.target_function, steps_of(norms["cross"], steps))
                if not question.attribute_target:
                    target = None
                    others["decoder_value_norms"] = square(norms["decoder"], size)
            if "encoder" in norms:
                others["encoder_value_norms"] = square(norms["encoder"], norms["encoder"].shape[-1])
            return Scores(source=source, target=target, step_scores=terms.scores, sequence_scores=others)

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def norms_by_kind(terms: RowTerms) -> dict[Where, Array]:
    """Kind of attention to norms, shape ``(layers, queries, keys)``."""
    kinds: dict[Where, list[Array]] = {}
    for (where, _), chunks in groupby(terms.chunks, key=lambda one: (one.where, one.layer)):
        pieces = []
        for one in chunks:
            xp, values = namespace(one.values), at_least_single(one.values)
            pieces.append(xp.sqrt(xp.sum(values * values, axis=-1)))
        kinds.setdefault(where, []).append(namespace(pieces[0]).concat(pieces, axis=0))
    return {where: namespace(layers[0]).stack(layers, axis=0) for where, layers in kinds.items()}
