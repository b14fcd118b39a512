"""Attention as the capacities of a network of pipes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from attrs import field, frozen, validators

from wherefrom.adapters import GivesAttention, RowAttention
from wherefrom.arrays import to_numpy
from wherefrom.methods._columns import PREDICTING_STATE, padded, per_output
from wherefrom.methods.attention_rollout import mixing, require_encoder
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage

if TYPE_CHECKING:
    import networkx as nx

Node = tuple[str, int, int]
"""Stack, height in it (0: the embeddings), position."""

_SMALLEST_CAPACITY = 1e-12
"""Pipes narrower than this (masked positions) are left out of the network."""


@method(
    "attention_flow",
    needs=(GivesAttention,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    aggregation=(Stage(name="normalize"),),
)
@frozen(kw_only=True)
class AttentionFlow(Method[GivesAttention]):
    """The most that can flow from the state a step is predicted from down to each input, through attention as pipes.

    Nodes are positions at each layer, capacities are ``residual · I + (1 - residual) · W`` with ``W`` averaged over
    heads; each score is a maximum flow of its own, so scores of a step need not sum to 1 before they are normalised.
    Encoder-decoder models: the network of the encoder hangs below that of the decoder by the cross-attention.

    Good where rollout dilutes: a single strong path keeps its whole strength. Fails like rollout where values
    matter, and under causal attention the earliest positions, which are reachable by most paths, come out high.
    Cost: one maximum flow per input and step on the host, so it is meant for sequences of tens of tokens.

    Source:
        Abnar & Zuidema (2020), section 3, https://arxiv.org/abs/2005.00928.
    """

    residual: float = field(default=0.5, validator=[validators.ge(0.0), validators.le(1.0)])
    """Share of each state that the residual connection carries past the attention."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: GivesAttention, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Flows in each question's clean pass."""
        answers = model.attentions((question.row(scores=True) for question in questions), heads="mean")

        def made_of(question: Question, weights: RowAttention) -> Scores:
            source, target = flow(weights, question.steps - 1, self.residual)
            keep_target = question.attribute_target or source is None
            size = len(question.target_ids)
            return Scores(
                source=None if source is None else per_output(question.target_function, source),
                target=padded(per_output(question.target_function, target), size) if keep_target else None,
                step_scores=weights.scores,
            )

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def network(weights: RowAttention, residual: float) -> nx.DiGraph:
    """The layered graph, edges pointing from higher to lower layers."""
    import networkx as nx

    require_encoder(weights)
    graph: nx.DiGraph = nx.DiGraph()

    def pipes(upper: tuple[str, int], lower: tuple[str, int], capacities: npt.NDArray[Any]) -> None:
        for query, key in zip(*np.nonzero(~(capacities <= _SMALLEST_CAPACITY)), strict=True):
            capacity = float(capacities[query, key])
            graph.add_edge((*upper, int(query)), (*lower, int(key)), capacity=capacity)

    layers, _, queries, _ = weights.decoder.shape
    sublayers = _sublayers(weights)
    for height, own in enumerate(to_numpy(mixing(weights.decoder, residual))):
        pipes(("target", sublayers * height + 1), ("target", sublayers * height), own)
    graph.add_nodes_from(("target", layers * sublayers, position) for position in range(queries))
    if weights.cross is not None and weights.encoder is not None:
        for height, own in enumerate(to_numpy(mixing(weights.encoder, residual))):
            pipes(("source", height + 1), ("source", height), own)
        top = ("source", weights.encoder.shape[0])
        for layer, cross in enumerate(to_numpy(weights.cross).mean(axis=1)):
            above = sublayers * (layer + 1)
            if sublayers == 2:
                pipes(("target", above), ("target", above - 1), residual * np.eye(queries))
            pipes(("target", above), top, (1 - residual) * cross)
    return graph


def _sublayers(weights: RowAttention) -> int:
    """How many steps of the network a layer of the decoder is."""
    return 1 if weights.cross is None or weights.one_softmax else 2


def flow(
    weights: RowAttention, queries: npt.NDArray[np.int64], residual: float
) -> tuple[npt.NDArray[Any] | None, npt.NDArray[Any]]:
    """Maximum flow from each of ``queries``, at the top of the decoder, to every input.

    Returns:
        Shapes ``(source, queries)``, or None, and ``(target, queries)``. What a query reaches through a network in
        which a capacity is NaN is NaN.
    """
    import networkx as nx

    graph = network(weights, residual)
    top = weights.decoder.shape[0] * _sublayers(weights)

    def column(side: str, size: int) -> npt.NDArray[Any]:
        scores = np.zeros((size, len(queries)))
        for index, query in enumerate(queries):
            start: Node = ("target", top, int(query))
            reachable = nx.descendants(graph, start)
            pipes = graph.out_edges({start, *reachable}, data="capacity")
            known = not any(math.isnan(capacity) for _, _, capacity in pipes)
            for position in range(size):
                goal: Node = (side, 0, position)
                if goal in reachable:
                    scores[position, index] = nx.maximum_flow_value(graph, start, goal) if known else math.nan
        return scores

    source = None if weights.cross is None else column("source", weights.cross.shape[-1])
    return source, column("target", weights.decoder.shape[-1])
