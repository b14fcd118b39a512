"""What each position brings to the states that a span was predicted from, heads apart, layers added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from wherefrom.adapters.head_terms import DecomposesHeads, HeadTerms, RowHeadTerms
from wherefrom.adapters.internals import Where
from wherefrom.arrays import Array, namespace
from wherefrom.methods._columns import MEAN_THEN_NORMALIZE, PREDICTING_STATE, padded
from wherefrom.methods._proximity import edge_shares, query_mixture
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


@method(
    "flashtrace",
    needs=(DecomposesHeads,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    dimensions=("layer",),
    aggregation=MEAN_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class FlashTrace(Method[DecomposesHeads]):
    """The share of each input in the states that a step, or a whole span, was predicted from, layer by layer.

    Behind each attention the state is a sum of what every head brings of every position, and the residual connection.
    A part's proximity to the state is ``max(0, ‖z‖₁ − ‖z − y‖₁)``, its share that divided by all parts' together. A
    span is read as one: attention weights and states are averaged over its steps, so one forward pass and one sum per
    layer explain a span of any length. With `wherefrom.trace` it is followed through the reasoning, as in the paper.

    Good for long outputs: the cheapest way to see where an answer looks. Fails where feed-forward layers decide; has no
    target function, no sign, no contrast; layers are looked at one by one, so what moved between positions in a lower
    layer is found where it lies now. Ours reads the state that predicted the token, not the token's own, counts norms
    behind the attention, and works on any architecture whose parts are found.

    Source:
        Pan et al. (2026), FlashTrace, https://arxiv.org/abs/2602.01914; the shares: Ferrando & Voita (2024),
        https://arxiv.org/abs/2403.00824, section 2.
    """

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: DecomposesHeads, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Shares in each question's clean pass."""
        rows = [question.row(scores=True) for question in questions]
        answers = model.head_terms(rows, mixtures=map(query_mixture, questions), reduce=_shares)

        def made_of(question: Question, answer: RowHeadTerms) -> Scores:
            source = _by_input("cross", answer.layers)
            target = _by_input("decoder", answer.layers)
            wanted = question.attribute_target or source is None
            return Scores(
                source=source,
                target=padded(target, len(question.target_ids)) if wanted and target is not None else None,
                step_scores=answer.scores,
            )

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def _shares(terms: HeadTerms) -> tuple[Where, Array]:
    return terms.where, edge_shares(terms)[0]


def _by_input(where: Where, layers: Sequence[tuple[Where, Array]]) -> Array | None:
    """Shares of one kind of attention, ``(outputs, keys)`` per layer, as ``(keys, outputs, layers)``."""
    found = [keys for kind, keys in layers if kind == where]
    if not found:
        return None
    xp = namespace(found[0])
    return xp.permute_dims(xp.stack(found, axis=-1), (1, 0, 2))
