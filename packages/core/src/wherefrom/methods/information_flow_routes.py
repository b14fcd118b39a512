"""The share of each input in a step's state, along all routes through the layers, heads measured apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from wherefrom.adapters.head_terms import DecomposesHeads, HeadTerms, RowHeadTerms
from wherefrom.arrays import namespace
from wherefrom.methods._columns import PREDICTING_STATE
from wherefrom.methods._proximity import edge_shares
from wherefrom.methods.alti import LayerShares, multiplied
from wherefrom.methods.attention_rollout import mixed_inputs
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage


@method(
    "information_flow_routes",
    needs=(DecomposesHeads,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    aggregation=(Stage(name="normalize"),),
)
@frozen(kw_only=True)
class InformationFlowRoutes(Method[DecomposesHeads]):
    """How much of each input reaches a step, along every route through the graph of heads and residual connections.

    An edge from a position to a state is the share of it that one head's part accounts for, ``max(0, ‖z‖₁ − ‖z −
    y‖₁)`` over the sum of all parts; edges of all heads between two positions are added, and layers multiplied through,
    as in `alti`, which measures the heads' sum instead. Routes below no threshold are dropped.

    Good where heads cancel each other in the sum but each brings something. Fails like `alti`: feed-forward layers are
    taken to leave the mixture as it is, and being mixed in is not yet mattering. Every position's edges are computed in
    every layer, heads times the work of `alti`: `flashtrace` asks about the answer's states alone.

    Source:
        Ferrando & Voita (2024), https://arxiv.org/abs/2403.00824, section 2. Where nothing accounts for any of a state,
        ours gives it to the position itself, so that rows sum to 1.
    """

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: DecomposesHeads, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Routes in each question's clean pass."""
        rows = [question.row(scores=True) for question in questions]
        answers = model.head_terms(rows, mixtures=[None] * len(rows), reduce=_shares)

        def made_of(question: Question, answer: RowHeadTerms) -> Scores:
            *_, last = multiplied(answer.layers)
            return mixed_inputs(question, last.source, last.target, answer.scores)

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def _shares(terms: HeadTerms) -> LayerShares:
    keys, own = edge_shares(terms)
    xp = namespace(own)
    nothing = xp.astype(xp.sum(keys, axis=-1) + own == 0, own.dtype)
    return terms.where, terms.layer, keys, own + nothing
