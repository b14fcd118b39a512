"""How the inputs are mixed into each state, measured on the vectors that are added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from attrs import frozen

from wherefrom.adapters.internals import AttentionTerms, DecomposesStates, RowTerms, Where
from wherefrom.arrays import Array, at_least_single, like, namespace
from wherefrom.errors import ModelCapabilityError
from wherefrom.methods._columns import PREDICTING_STATE
from wherefrom.methods._proximity import proximity
from wherefrom.methods.attention_rollout import mixed_inputs, require_every_block
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage


@method(
    "alti",
    needs=(DecomposesStates,),
    signed=False,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    aggregation=(Stage(name="normalize"),),
)
@frozen(kw_only=True)
class Alti(Method[DecomposesStates]):
    """The share of each input in the state that a step is predicted from, layer contributions multiplied
    through.

    In one layer the state behind the attention is a sum of vectors ``T_i(x_j)``, one per position: its
    weighted values and, for ``j = i``, the residual connection, through the sublayer's norm with its
    statistics fixed. The contribution of ``j`` is how much of the state it accounts for, ``max(0, ‖y_i‖₁ -
    ‖y_i - T_i(x_j)‖₁)``, divided by their sum. These matrices, rows of which sum to 1, are multiplied as in
    attention rollout. Encoder-decoder models: in the cross-attention the residual connection counts as one
    term, and passes on the shares that the decoder's state had.

    Good where rollout is blind: values, residual connections and norms are measured, not assumed. Fails for
    feed-forward layers, which it takes to leave the mixture as it is, and says how much was mixed in, not
    what it does for the token: `alti_logit` does.

    Source:
        Ferrando, Gállego & Costa-jussà (2022), section 3, https://arxiv.org/abs/2203.04212; for
        encoder-decoders Ferrando et al. (2022), https://arxiv.org/abs/2205.11631. If no position accounts
        for any of a state, ours gives it to the position itself, so that rows always sum to 1.
    """

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def attribute(self, model: DecomposesStates, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Mixtures in each question's clean pass."""
        answers = model.attention_terms([question.row(scores=True) for question in questions], queries="all")

        def made_of(question: Question, terms: RowTerms) -> Scores:
            *_, last = mixtures(terms)
            return mixed_inputs(question, last.source, last.target, terms.scores)

        yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


@frozen(kw_only=True, eq=False)
class Mixture:
    """Shares of the inputs in every decoder state, at one height of the model. Rows sum to 1, both
    together."""

    source: Array | None
    """Shape ``(queries, source)``; None for decoder-only models."""
    target: Array
    """Shape ``(queries, target)``."""
    encoded: Array | None
    """Shares of the source's embeddings in the encoder's last states, shape ``(source, source)``."""
    where: Where | None
    """The attention it is behind; None: the embeddings."""
    layer: int


def mixtures(terms: RowTerms) -> Iterator[Mixture]:
    """The mixture at the embeddings, then behind each of the decoder's attention layers, in order.

    A decoder-only model has one per layer; an encoder-decoder two, behind self- and behind cross-attention.
    """
    require_every_block(terms.unseen)
    if "cross" in terms.layers and "encoder" not in terms.layers:
        raise ModelCapabilityError(
            "This model's encoder attends in windows of its own and shows no weights between all positions, "
            "so the source cannot be followed through it. Use saliency. value_norms and value_zeroing may work too."
        )
    yield from multiplied(_layers(terms))


def _layers(terms: RowTerms) -> Iterator[LayerShares]:
    for (where, layer), chunks in groupby(terms.chunks, key=lambda one: (one.where, one.layer)):
        pieces = [contributions(one) for one in chunks]
        xp = namespace(pieces[0][0])
        keys, own = (xp.concat([piece[part] for piece in pieces], axis=0) for part in (0, 1))
        yield where, layer, keys, own


LayerShares: TypeAlias = tuple[Where, int, Array, Array]
"""Kind of attention, layer, and for every query the shares of the keys, shape ``(queries, keys)``, and of its own
state, shape ``(queries,)``; together they sum to 1."""


def multiplied(layers: Iterable[LayerShares]) -> Iterator[Mixture]:
    """The mixture at the embeddings, then behind each of the decoder's attention layers: shares multiplied through."""
    encoded: Array | None = None
    now: Mixture | None = None
    for where, layer, keys, own in layers:
        xp = namespace(keys)
        identity = like(keys, xp.eye(keys.shape[0], dtype=keys.dtype))
        if where == "encoder":
            matrix = keys + own[:, None] * identity
            encoded = matrix if encoded is None else xp.matmul(matrix, encoded)
            continue
        if now is None:
            source = None
            if encoded is not None:
                source = like(keys, xp.zeros((keys.shape[0], encoded.shape[0]), dtype=keys.dtype))
            now = Mixture(source=source, target=identity, encoded=encoded, where=None, layer=0)
            yield now
        if where == "decoder":
            matrix = keys + own[:, None] * identity
            source = None if now.source is None else xp.matmul(matrix, now.source)
            target = xp.matmul(matrix, now.target)
        else:
            source = xp.matmul(keys, encoded) + own[:, None] * now.source
            target = own[:, None] * now.target
        now = Mixture(source=source, target=target, encoded=encoded, where=where, layer=layer)
        yield now


def contributions(one: AttentionTerms) -> tuple[Array, Array]:
    """What each key, and the position's own state, account for.

    Returns:
        Shapes ``(queries, keys)`` and ``(queries,)``; the sum over both is 1 for every query. In
        self-attention the own part is counted together with the key at the query's position and appears
        under that key.
    """
    xp = namespace(one.mixed)
    queries, keys, _ = one.mixed.shape
    vectors = at_least_single(one.mixed)
    own = proximity(one.residual, one.state)
    if one.where != "cross":
        at = (
            like(vectors, range(keys))[None, :]
            == like(vectors, range(one.first_query, one.first_query + queries))[:, None]
        )
        here = xp.astype(at, vectors.dtype)
        vectors = vectors + here[:, :, None] * one.residual[:, None, :]
        own = like(own, xp.zeros((queries,), dtype=own.dtype))
    by_key = proximity(vectors, one.state[:, None, :])
    total = xp.sum(by_key, axis=-1) + own
    nothing = xp.astype(total == 0, total.dtype)
    divisor = total + nothing
    return by_key / divisor[:, None], (own + nothing) / divisor
