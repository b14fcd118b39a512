"""Attention, rollout and flow on weights whose answer is known (no model: a fake adapter hands the weights out)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import networkx as nx
import numpy as np
import pytest
from attrs import evolve, frozen
from wherefrom.adapters import Row, RowAttention
from wherefrom.errors import ModelCapabilityError
from wherefrom.methods import METHODS, Attention, AttentionFlow, AttentionRollout
from wherefrom.methods.attention_flow import flow
from wherefrom.methods.attention_rollout import rollout
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.probability import Probability


@frozen(kw_only=True, eq=False)
class Shows:
    """An adapter that knows nothing but attention weights."""

    weights: RowAttention

    def attentions(self, rows: Iterable[Row], *, queries: str = "all", heads: str = "all") -> Iterator[RowAttention]:
        for row in rows:
            yield reduced(self.weights, row, queries, heads)


def reduced(weights: RowAttention, row: Row, queries: str, heads: str) -> RowAttention:
    """The queries and heads that are asked for."""
    at = row.steps - 1 if queries == "steps" else slice(None)

    def shown(part: np.ndarray | None, chosen: Any = slice(None)) -> np.ndarray | None:
        if part is None:
            return None
        part = part[:, :, chosen]
        return part.mean(axis=1, keepdims=True) if heads == "mean" else part

    return evolve(
        weights, decoder=shown(weights.decoder, at), encoder=shown(weights.encoder), cross=shown(weights.cross, at)
    )


def causal(layers: int, heads: int, size: int, seed: int = 0) -> np.ndarray:
    weights = np.random.default_rng(seed).random((layers, heads, size, size)) * np.tri(size)
    return weights / weights.sum(-1, keepdims=True)


def dense(layers: int, heads: int, queries: int, keys: int, seed: int = 0) -> np.ndarray:
    weights = np.random.default_rng(seed).random((layers, heads, queries, keys))
    return weights / weights.sum(-1, keepdims=True)


def translation(layers: int = 2, source: int = 4, target: int = 5) -> RowAttention:
    return RowAttention(
        decoder=causal(layers, 3, target),
        encoder=dense(layers, 3, source, source, 1),
        cross=dense(layers, 3, target, source, 2),
    )


def question(target: int, steps: tuple[int, ...], source: int | None = None, **changes) -> Question:
    target_function = TargetFunction(function=Probability(), target_ids=np.zeros(len(steps), np.int64))
    return Question(
        target_ids=np.arange(target),
        steps=np.array(steps),
        target_function=target_function,
        source_ids=None if source is None else np.arange(source),
        **changes,
    )


def answer(method, weights: RowAttention, asked: Question):
    (scores,) = method.attribute(Shows(weights=weights), [asked], no_progress)
    return scores


@pytest.mark.parametrize("name", ["attention", "attention_rollout", "attention_flow"])
def test_registered(name):
    assert METHODS.get(name).identifier == name


def test_attention_is_the_row_of_the_query_before_the_step():
    weights = RowAttention(decoder=causal(2, 3, 5))
    scores = answer(Attention(), weights, question(6, (2, 5)))
    assert scores.target.shape == (6, 2, 2, 3)
    assert scores.source is None
    np.testing.assert_array_equal(scores.target[:5, 0], weights.decoder[:, :, 1].transpose(2, 0, 1))
    np.testing.assert_array_equal(scores.target[:5, 1], weights.decoder[:, :, 4].transpose(2, 0, 1))
    np.testing.assert_array_equal(scores.target[5], 0)


def test_attention_of_an_encoder_decoder_goes_where_it_belongs():
    weights = translation()
    scores = answer(Attention(), weights, question(6, (1, 4), source=4))
    np.testing.assert_array_equal(scores.source[:, 1], weights.cross[:, :, 3].transpose(2, 0, 1))
    assert set(scores.sequence_scores) == {"encoder_self_attentions"}
    np.testing.assert_array_equal(
        scores.sequence_scores["encoder_self_attentions"], weights.encoder.transpose(3, 2, 0, 1)
    )
    alone = answer(Attention(), weights, question(6, (1, 4), source=4, attribute_target=False))
    assert alone.target is None
    own = alone.sequence_scores["decoder_self_attentions"]
    assert own.shape == (6, 6, 2, 3)
    np.testing.assert_array_equal(own[:5, :5], weights.decoder.transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(own[5], 0)
    np.testing.assert_array_equal(own[:, 5], 0)


def test_rollout_of_identity_attention_is_the_identity():
    _, target = rollout(RowAttention(decoder=np.tile(np.eye(4), (3, 2, 1, 1))), 0.5)
    np.testing.assert_allclose(target, np.eye(4))


def test_rollout_of_uniform_attention_has_a_closed_form():
    size, layers = 4, 3
    uniform = np.full((layers, 2, size, size), 1 / size)
    _, target = rollout(RowAttention(decoder=uniform), 0.5)
    # (I/2 + U/2)^n with U idempotent
    closed = np.eye(size) * 0.5**layers + (1 - 0.5**layers) / size
    np.testing.assert_allclose(target, closed)


def test_rollout_rows_sum_to_one_over_source_and_target():
    source, target = rollout(translation(), 0.5)
    np.testing.assert_allclose(source.sum(1) + target.sum(1), 1)
    assert source.shape == (5, 4)


def test_rollout_without_residual_follows_pointers():
    """Position 3 looks at 1, which looked at 0: with residual 0 all of step 4 comes from 0."""
    weights = np.zeros((2, 1, 4, 4))
    weights[:, 0, range(4), [0, 0, 2, 3]] = 1
    weights[1, 0, 3] = [0, 1, 0, 0]
    scores = answer(AttentionRollout(residual=0.0), RowAttention(decoder=weights), question(5, (4,)))
    np.testing.assert_allclose(scores.target[:, 0], [1, 0, 0, 0, 0])


def test_rollout_composes_the_encoder_with_cross_attention():
    """Cross-attention looks at encoder position 2, which the encoder filled from 0."""
    encoder = np.zeros((1, 1, 3, 3))
    encoder[0, 0, range(3), [0, 1, 0]] = 1
    cross = np.zeros((1, 1, 2, 3))
    cross[..., 2] = 1
    weights = RowAttention(decoder=np.eye(2)[None, None], encoder=encoder, cross=cross)
    source, target = rollout(weights, 0.5)
    np.testing.assert_allclose(source, [[0.25, 0, 0.25], [0.25, 0, 0.25]])
    np.testing.assert_allclose(target, np.eye(2) / 2)
    # with a residual share of 0.25, three quarters come from the source, three quarters of these from position 0
    source, target = rollout(weights, 0.25)
    np.testing.assert_allclose(source, [[0.5625, 0, 0.1875]] * 2)
    np.testing.assert_allclose(target, np.eye(2) / 4)


def test_one_softmax_over_source_and_target_mixes_both_at_once():
    """The rollout is the product of whole matrices, over the source's positions and the target's."""
    weights = translation()
    shares = np.random.default_rng(3).random((*weights.decoder.shape[:-1], 1))
    weights = evolve(weights, decoder=weights.decoder * shares, cross=weights.cross * (1 - shares), one_softmax=True)
    read, said = weights.cross.shape[-1], weights.decoder.shape[-1]
    expected = np.eye(read + said)
    for layer in weights.encoder.mean(1):
        step = np.eye(read + said)
        step[:read, :read] = 0.7 * layer + 0.3 * np.eye(read)
        expected = step @ expected
    for own, cross in zip(weights.decoder.mean(1), weights.cross.mean(1), strict=True):
        step = np.eye(read + said)
        step[read:] = 0.3 * step[read:] + 0.7 * np.concatenate([cross, own], axis=1)
        expected = step @ expected
    source, target = rollout(weights, 0.3)
    np.testing.assert_allclose(np.concatenate([source, target], axis=1), expected[read:])
    np.testing.assert_allclose(source.sum(1) + target.sum(1), 1)


def test_flow_through_one_softmax_over_source_and_target():
    """From one target position and one layer to both: each by its own pipe."""
    weights = RowAttention(
        decoder=np.full((1, 1, 1, 1), 0.6), encoder=np.ones((1, 1, 1, 1)), cross=np.full((1, 1, 1, 1), 0.4),
        one_softmax=True,
    )  # fmt: skip
    source, target = flow(weights, np.array([0]), 0.25)
    assert source[0, 0] == pytest.approx(0.75 * 0.4)
    assert target[0, 0] == pytest.approx(0.25 + 0.75 * 0.6)


def test_flow_uses_the_residual_share_everywhere():
    """One target position, cross-attention and encoder on their only paths: the narrowest pipe decides."""
    weights = RowAttention(decoder=np.ones((1, 1, 1, 1)), encoder=np.ones((1, 1, 1, 1)), cross=np.ones((1, 1, 1, 1)))
    source, target = flow(weights, np.array([0]), 0.25)
    assert source[0, 0] == pytest.approx(0.75)
    assert target[0, 0] == pytest.approx(0.25)


def by_linear_program(edges: dict[tuple, float], start: tuple, goal: tuple) -> float:
    """Maximum flow as a linear program, to have it from something that is no graph algorithm."""
    from scipy.optimize import linprog

    names = list(edges)
    nodes = {node for edge in names for node in edge} - {start, goal}
    balance = [[(edge[1] == node) - (edge[0] == node) for edge in names] for node in nodes]
    value = [-(edge[0] == start) for edge in names]
    bounds = [(0, capacity) for capacity in edges.values()]
    found = linprog(value, A_eq=np.array(balance, float), b_eq=np.zeros(len(nodes)), bounds=bounds)
    return -found.fun


def test_flow_is_the_maximum_flow_of_the_layered_graph():
    weights = RowAttention(decoder=causal(2, 2, 4))
    _, scores = flow(weights, np.array([2, 3]), 0.5)
    mixed = 0.5 * weights.decoder.mean(1) + 0.5 * np.eye(4)
    edges = {
        ((layer + 1, i), (layer, j)): mixed[layer, i, j] for layer in range(2) for i in range(4) for j in range(i + 1)
    }
    for column, query in enumerate((2, 3)):
        for position in range(4):
            expected = by_linear_program(edges, (2, query), (0, position)) if position <= query else 0
            assert scores[position, column] == pytest.approx(expected, abs=1e-8)


def test_flow_agrees_with_networkx_on_the_whole_encoder_decoder():
    weights = translation()
    source, target = flow(weights, np.array([4]), 0.5)
    decoder, encoder = (0.5 * w.mean(1) + 0.5 * np.eye(w.shape[-1]) for w in (weights.decoder, weights.encoder))
    graph = nx.DiGraph()
    for layer in range(2):
        for i in range(5):
            for j in range(i + 1):
                graph.add_edge(f"d{layer}.1.{i}", f"d{layer}.0.{j}", capacity=decoder[layer, i, j])
            graph.add_edge(f"d{layer + 1}.0.{i}", f"d{layer}.1.{i}", capacity=0.5)
            for j in range(4):
                graph.add_edge(f"d{layer + 1}.0.{i}", f"e2.{j}", capacity=0.5 * weights.cross[layer, :, i, j].mean())
        for i in range(4):
            for j in range(4):
                graph.add_edge(f"e{layer + 1}.{i}", f"e{layer}.{j}", capacity=encoder[layer, i, j])
    for position in range(4):
        assert source[position, 0] == pytest.approx(nx.maximum_flow_value(graph, "d2.0.4", f"e0.{position}"))
    for position in range(5):
        assert target[position, 0] == pytest.approx(nx.maximum_flow_value(graph, "d2.0.4", f"d0.0.{position}"))


def test_flow_of_identity_attention_is_the_identity():
    _, target = flow(RowAttention(decoder=np.tile(np.eye(3), (2, 1, 1, 1))), np.arange(3), 0.5)
    np.testing.assert_allclose(target, np.eye(3))


def test_flow_leaves_the_target_out_when_not_asked():
    scores = answer(AttentionFlow(), translation(), question(6, (1, 4), source=4, attribute_target=False))
    assert scores.target is None
    assert scores.source.shape == (4, 2)


@pytest.mark.parametrize("residual", [-0.1, 1.5])
def test_residual_is_a_share(residual):
    with pytest.raises(ValueError, match="residual"):
        AttentionRollout(residual=residual)


@pytest.mark.parametrize("method", [AttentionRollout(), AttentionFlow()])
def test_an_encoder_without_weights_cannot_be_followed(method):
    weights = RowAttention(decoder=causal(2, 3, 5), cross=dense(2, 3, 5, 4))
    with pytest.raises(ModelCapabilityError, match="windows"):
        answer(method, weights, question(6, (1, 4), source=4))


def test_a_span_is_the_mean_of_its_steps():
    weights = translation()
    target_function = TargetFunction(
        function=Probability(), target_ids=np.zeros(3, np.int64), groups=np.array([0, 0, 1])
    )
    spans = Question(
        target_ids=np.arange(6), steps=np.array([1, 2, 4]), target_function=target_function, source_ids=np.arange(4)
    )
    for method in (Attention(), AttentionRollout(), AttentionFlow()):
        single, whole = answer(method, weights, question(6, (1, 2, 4), source=4)), answer(method, weights, spans)
        for side in ("source", "target"):
            each, merged = getattr(single, side), getattr(whole, side)
            np.testing.assert_allclose(merged[:, 0], each[:, :2].mean(1))
            np.testing.assert_allclose(merged[:, 1], each[:, 2])
