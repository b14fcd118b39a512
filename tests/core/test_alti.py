"""Value norms, ALTI and ALTI-Logit on vectors given by hand: no model, the answers by short formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from attrs import evolve, frozen
from wherefrom.adapters import Row
from wherefrom.adapters.internals import AttentionTerms, RowLogits, RowTerms, heads_from
from wherefrom.errors import InputError, ModelCapabilityError, SettingsError
from wherefrom.methods import Alti, AltiLogit, Question, ValueNorms, ValueZeroing
from wherefrom.methods.alti import contributions, mixtures
from wherefrom.methods.value_norms import norms_by_kind
from wherefrom.methods.value_zeroing import shares
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.settings import from_mapping
from wherefrom.step_functions.contrast_logits_diff import ContrastLogitsDiff
from wherefrom.step_functions.entropy import Entropy
from wherefrom.step_functions.logit import Logit
from wherefrom.step_functions.probability import Probability

WIDTH = 6


def terms(where: str, layer: int, queries: int, keys: int, seed: int) -> AttentionTerms:
    """Random vectors, causal in the decoder, that add up to their state."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(queries, keys, WIDTH))
    if where == "decoder":
        values *= np.tri(queries, keys)[:, :, None]
    bias, residual = random.normal(size=WIDTH), 3 * random.normal(size=(queries, WIDTH))
    constant = np.tile(bias, (queries, 1))
    return AttentionTerms(
        where=where,
        layer=layer,
        first_query=0,
        values=values,
        bias=bias,
        output=values.sum(1) + bias,
        mixed=values,
        residual=residual,
        constant=constant,
        state=values.sum(1) + residual + constant,
    )


def in_halves(one: AttentionTerms) -> list[AttentionTerms]:
    """The same layer as two chunks of queries."""
    half = len(one.state) // 2
    names = ("values", "output", "mixed", "residual", "constant", "state")
    return [
        evolve(one, first_query=first, **{name: getattr(one, name)[first:last] for name in names})
        for first, last in ((0, half), (half, len(one.state)))
    ]


def from_query(one: AttentionTerms, first: int) -> AttentionTerms:
    """The decoder's terms of later queries only, as an adapter answers for those of the steps."""
    missing = 0 if one.where == "encoder" else max(0, first - one.first_query)
    if missing == 0:
        return one
    names = ("values", "output", "mixed", "residual", "constant", "state")
    return evolve(one, first_query=one.first_query + missing, **{name: getattr(one, name)[missing:] for name in names})


@frozen(kw_only=True, eq=False)
class Decomposed:
    """An adapter that hands out given terms."""

    chunks: list[AttentionTerms]
    logits: RowLogits | None = None

    def attention_terms(self, rows: Iterable[Row], *, queries: str) -> Iterator[RowTerms]:
        for row in rows:
            first = int(row.steps[0]) - 1 if queries == "steps" else 0
            kinds = {one.where: 2 for one in self.chunks}
            yield RowTerms(chunks=(from_query(one, first) for one in self.chunks), layers=kinds)

    def logit_terms(self, rows: Iterable[Row], *, contrasts: Iterable[np.ndarray | None]) -> Iterator[RowLogits]:
        for _, contrast in zip(rows, contrasts, strict=True):
            assert contrast is None
            yield self.logits


LM = [terms("decoder", layer, 4, 4, layer) for layer in range(2)]
MT = [
    *(terms("encoder", layer, 3, 3, layer) for layer in range(2)),
    *(
        terms(where, layer, 4, 4 if where == "decoder" else 3, 10 + layer)
        for layer in range(2)
        for where in ("decoder", "cross")
    ),
]


def question(steps=(2, 4), source=None, function=None, **changes):
    function = function or Logit()
    given = {"groups": changes.pop("groups", None), **changes.pop("target_function", {})}
    return Question(
        target_ids=np.arange(5),
        steps=np.array(steps),
        source_ids=None if source is None else np.arange(source),
        target_function=TargetFunction(function=function, target_ids=np.zeros(len(steps), np.int64), **given),
        **changes,
    )


def answer(method, model, asked):
    (scores,) = method.attribute(model, [asked], no_progress)
    return scores


def slow_contributions(one: AttentionTerms) -> np.ndarray:
    """Shape (queries, keys + 1), the position's own part last, by the paper's formula with loops."""
    out = np.zeros((len(one.state), one.mixed.shape[1] + 1))
    for i, state in enumerate(one.state):
        for j, vector in enumerate(one.mixed[i]):
            vector = vector + one.residual[i] * (one.where != "cross" and i == j)
            out[i, j] = max(0.0, np.abs(state).sum() - np.abs(state - vector).sum())
        if one.where == "cross":
            out[i, -1] = max(0.0, np.abs(state).sum() - np.abs(state - one.residual[i]).sum())
    return out / out.sum(1, keepdims=True)


@pytest.mark.parametrize("one", [*LM, *MT], ids=lambda one: f"{one.where}{one.layer}")
def test_contributions_follow_the_formula_and_sum_to_one(one):
    keys, own = contributions(one)
    slow = slow_contributions(one)
    np.testing.assert_allclose(keys, slow[:, :-1])
    np.testing.assert_allclose(own, slow[:, -1], atol=1e-15)
    assert (keys >= 0).all()
    assert (own >= 0).all()
    np.testing.assert_allclose(keys.sum(1) + own, 1)


def test_a_state_that_no_position_accounts_for_stays_with_the_position():
    one = terms("decoder", 0, 3, 3, 0)
    far = evolve(one, state=-100 * one.mixed.sum(1) - 100 * one.residual)
    assert contributions(far)[1].max() == 1
    keys, own = contributions(far)
    np.testing.assert_allclose(keys.sum(1) + own, 1)


def test_vectors_in_half_precision_are_measured_in_single():
    """Their lengths and squares are more than float16 holds, and each brings little beside the whole."""
    one = terms("cross", 0, 3, 500, 0)
    fields = ("values", "mixed", "residual", "constant", "state")
    large = {"residual": 4e4 * one.residual / np.abs(one.residual).max(), "mixed": 20 * one.mixed}
    large |= {"values": 1000 * one.values, "state": large["mixed"].sum(1) + large["residual"]}
    half = evolve(one, **{name: large.get(name, one.constant).astype(np.float16) for name in fields})
    wide = evolve(half, **{name: getattr(half, name).astype(np.float64) for name in fields})
    slow = slow_contributions(wide)
    keys, own = contributions(half)
    np.testing.assert_allclose(keys, slow[:, :-1], rtol=1e-4)
    np.testing.assert_allclose(own, slow[:, -1], rtol=1e-4)
    norms = norms_by_kind(RowTerms(chunks=[half], layers={"cross": 1}))["cross"]
    np.testing.assert_allclose(norms[0], np.linalg.norm(wide.values, axis=-1), rtol=1e-4)


def test_alti_multiplies_the_layers():
    scores = answer(Alti(), Decomposed(chunks=LM), question())
    product = slow_contributions(LM[1])[:, :-1] @ slow_contributions(LM[0])[:, :-1]
    np.testing.assert_allclose(scores.target[:4].T, product[[1, 3]])
    np.testing.assert_array_equal(scores.target[4], 0)
    assert scores.source is None


def test_alti_composes_encoder_and_cross_attention():
    scores = answer(Alti(), Decomposed(chunks=MT), question(source=3))
    encoded = slow_contributions(MT[1])[:, :-1] @ slow_contributions(MT[0])[:, :-1]
    both = np.hstack([np.zeros((4, 3)), np.eye(4)])
    for own, cross in ((MT[2], MT[3]), (MT[4], MT[5])):
        both = slow_contributions(own)[:, :-1] @ both
        shares = slow_contributions(cross)
        both = shares[:, -1:] * both + np.hstack([shares[:, :-1] @ encoded, np.zeros((4, 4))])
    np.testing.assert_allclose(scores.source.T, both[[1, 3], :3])
    np.testing.assert_allclose(scores.target[:4].T, both[[1, 3], 3:])
    np.testing.assert_allclose(both.sum(1), 1)


def test_chunks_of_queries_make_no_difference():
    pieces = [half for one in MT for half in in_halves(one)]
    whole = answer(Alti(), Decomposed(chunks=MT), question(source=3))
    split = answer(Alti(), Decomposed(chunks=pieces), question(source=3))
    np.testing.assert_allclose(split.source, whole.source)
    np.testing.assert_allclose(split.target, whole.target)
    norms = answer(ValueNorms(), Decomposed(chunks=pieces), question(source=3))
    np.testing.assert_allclose(norms.source, answer(ValueNorms(), Decomposed(chunks=MT), question(source=3)).source)


def test_value_norms_are_lengths():
    scores = answer(ValueNorms(), Decomposed(chunks=MT), question(source=3, attribute_target=False))
    assert scores.target is None
    for layer, one in enumerate((MT[3], MT[5])):
        np.testing.assert_allclose(scores.source[:, :, layer].T, np.linalg.norm(one.values, axis=-1)[[1, 3]])
    np.testing.assert_allclose(
        scores.sequence_scores["encoder_value_norms"][:, :, 1].T, np.linalg.norm(MT[1].values, axis=-1)
    )
    assert scores.sequence_scores["decoder_value_norms"].shape == (5, 5, 2)


def test_norms_of_the_steps_are_those_among_all_queries():
    model = Decomposed(chunks=MT)
    alone = answer(ValueNorms(), model, question(source=3))
    np.testing.assert_allclose(alone.target[:4, :, 1].T, np.linalg.norm(MT[4].values, axis=-1)[[1, 3]])
    every = answer(ValueNorms(), model, question(source=3, attribute_target=False))
    np.testing.assert_allclose(alone.source, every.source)


def logit_parts(steps: int, cross: bool) -> RowLogits:
    random = np.random.default_rng(3)
    visible = np.tri(4)[[1, 3]]
    decoder, taken = random.normal(size=(2, steps, 4)) * visible, random.normal(size=(2, steps, 3)) if cross else None
    embedding, feed_forward, bias = random.normal(size=steps), random.normal(size=(2, steps)), random.normal(size=steps)
    logits = decoder.sum((0, 2)) + embedding + feed_forward.sum(0) + bias + (taken.sum((0, 2)) if cross else 0)
    return RowLogits(
        logits=logits,
        decoder=decoder,
        cross=taken,
        embedding=embedding,
        feed_forward=feed_forward,
        feed_forward_reads=(2, 4) if cross else (1, 2),
        bias=bias,
    )


@pytest.mark.parametrize("cross", [False, True])
def test_alti_logit_sums_to_the_logit_less_the_bias(cross):
    parts = logit_parts(2, cross)
    model = Decomposed(chunks=MT if cross else LM, logits=parts)
    asked = question(source=3 if cross else None)
    scores = answer(AltiLogit(), model, asked)
    total = scores.target.sum(0) + (scores.source.sum(0) if cross else 0)
    np.testing.assert_allclose(total + scores.step_scores["bias"], parts.logits)
    apart = answer(AltiLogit(feed_forward="apart"), model, asked)
    total = apart.target.sum(0) + (apart.source.sum(0) if cross else 0)
    np.testing.assert_allclose(total + apart.step_scores["bias"] + apart.step_scores["feed_forward"], parts.logits)
    np.testing.assert_allclose(apart.step_scores["feed_forward"], parts.feed_forward.sum(0))


def test_alti_logit_deals_each_layer_out_by_the_mixture_below_it():
    parts = logit_parts(2, False)
    scores = answer(AltiLogit(feed_forward="apart"), Decomposed(chunks=LM, logits=parts), question())
    below, behind, _ = (mixture.target for mixture in mixtures(RowTerms(chunks=iter(LM), layers={})))
    np.testing.assert_array_equal(below, np.eye(4))
    expected = parts.decoder[0] + parts.decoder[1] @ behind
    expected[[0, 1], [1, 3]] += parts.embedding
    np.testing.assert_allclose(scores.target[:4].T, expected)


@pytest.mark.parametrize("reads", [(1, 2), (0, 1), (1, 0)])
def test_alti_logit_deals_a_feed_forward_part_out_by_the_mixture_that_it_reads(reads):
    """Behind the attention; beside it, so that both read one state; or in another order."""
    parts = evolve(logit_parts(2, False), feed_forward_reads=reads)
    whole, apart = (
        answer(AltiLogit(feed_forward=kind), Decomposed(chunks=LM, logits=parts), question())
        for kind in ("state", "apart")
    )
    read = [mixture.target for mixture in mixtures(RowTerms(chunks=iter(LM), layers={}))]
    expected = sum(
        brought[:, None] * read[height][[1, 3]] for brought, height in zip(parts.feed_forward, reads, strict=True)
    )
    np.testing.assert_allclose((whole.target - apart.target)[:4].T, expected, atol=1e-12)


def test_a_span_is_the_sum_of_its_steps_for_logits_and_the_mean_for_shares():
    parts = logit_parts(2, False)
    model = Decomposed(chunks=LM, logits=parts)
    spanned = question(groups=np.array([0, 0]))
    whole, single = answer(AltiLogit(), model, spanned), answer(AltiLogit(), model, question())
    np.testing.assert_allclose(whole.target[:, 0], single.target.sum(1))
    np.testing.assert_allclose(whole.step_scores["bias"], [single.step_scores["bias"].sum()])
    mixed, shared = answer(Alti(), model, spanned), answer(Alti(), model, question())
    np.testing.assert_allclose(mixed.target[:, 0], shared.target.mean(1))


def test_an_encoder_without_attention_cannot_be_followed():
    with pytest.raises(ModelCapabilityError, match="windows"):
        answer(Alti(), Decomposed(chunks=MT[2:]), question(source=3))


def test_alti_logit_refuses_what_is_no_logit():
    with pytest.raises(SettingsError, match="'entropy'"):
        answer(AltiLogit(), Decomposed(chunks=LM), question(function=Entropy()))
    with pytest.raises(SettingsError, match="'the log-probability'"):
        answer(AltiLogit(), Decomposed(chunks=LM), question(function=Probability(logprob=True)))


def test_alti_logit_refuses_a_contrast_with_another_prefix():
    contrast = {"contrast_ids": np.array([1, 2]), "contrast_logits": np.zeros((2, 9))}
    with pytest.raises(InputError, match="same prefix"):
        answer(AltiLogit(), Decomposed(chunks=LM), question(function=ContrastLogitsDiff(), target_function=contrast))


@pytest.mark.parametrize(
    "choice, expected",
    [
        (None, [(0, 1, 2), (0, 1, 2)]),
        (1, [(1,), (1,)]),
        ((0, 2), [(0, 1), (0, 1)]),
        ([0, 2], [(0, 2), (0, 2)]),
        ({0: [0, 1], 1: 2}, [(0, 1), (2,)]),
        ({"1": (1, 3)}, [(), (1, 2)]),
        ({0: None}, [(0, 1, 2), ()]),
    ],
)
def test_heads_from_what_a_user_writes(choice, expected):
    heads = heads_from(choice, "decoder_zeroed_units_indices")
    assert [heads.of_layer(layer, 3) for layer in range(2)] == expected


@pytest.mark.parametrize("choice", ["0", 1.5, True, {0: "all"}, (2, 1), {"a": 1}])
def test_heads_that_are_nonsense_are_an_error_of_settings(choice):
    with pytest.raises(SettingsError, match=r"decoder_zeroed_units_indices|invalid literal"):
        from_mapping(ValueZeroing, {"decoder_zeroed_units_indices": choice}, where="method 'value_zeroing'")


def test_an_unknown_metric_is_an_error_of_settings():
    with pytest.raises(SettingsError, match="similarity_metric"):
        from_mapping(ValueZeroing, {"similarity_metric": "manhattan"}, where="method 'value_zeroing'")


def test_shares_drop_rounding_and_sum_to_one():
    found = shares(np.array([[[3e-6, 0.3, 0.1], [2e-6, 9e-6, 0.0]]]))
    np.testing.assert_allclose(found, [[[0, 0.75, 0.25], [0, 0, 0]]])
