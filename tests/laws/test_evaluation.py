"""Metrics tell the truth from what only looks like it, on a model that copies one token."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from wherefrom.attribute import AttributionModel
from wherefrom.evaluation import METRICS as METRICS_BY_NAME
from wherefrom.evaluation import Gold, evaluate, evaluation_cost, summary
from wherefrom.evaluation.contract import ReadsOrder, ReadsSizes
from wherefrom.evaluation.gold import gold_from_words
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.testing import linear_model

from tests.laws.claims import CLAIMS, claiming
from tests.laws.models import model_of

METRICS = (
    "abpc",
    "aopc_lerf",
    "aopc_morf",
    "comprehensiveness",
    "deletion_auc",
    "insertion_auc",
    "lds",
    "log_odds",
    "naopc",
    "naopc_sufficiency",
    "selfcite_reward",
    "sensitivity_n",
    "soft_comprehensiveness",
    "soft_sufficiency",
    "sufficiency",
    "tau_loo",
    "top_k_drop",
)
"""All that ask the model and rank: infidelity and the completeness gap look at sizes, max-sensitivity and
parameter randomisation at the method."""
GOLD = (
    "auprc",
    "dot_product",
    "mean_rank",
    "mrr",
    "pointing_game",
    "precision_at_k",
    "probes_needed",
    "rank_accuracy",
    "relevance_mass",
    "token_f1",
    "token_iou",
)
CORRELATIONS = ("lds", "sensitivity_n", "tau_loo")
"""Of scores that are all alike but for one unit; noise about the others can look better or worse."""
SHIFT = 2


@cache
def copying(on: str) -> AttributionModel:
    return AttributionModel(model_of(on))


def explained(on: str, method: Any, steps: int = 2) -> Attributions:
    """Steps that repeat what stood two tokens before; all are generated."""
    return copying(on).attribute(
        "the cat saw a dog",
        method=method,
        attributed_fn="logit" if method.uses_target_function else None,
        generation_args={"max_new_tokens": steps},
        show_progress=False,
    )


def truth(result: Attributions) -> Attributions:
    """1 for the token that is copied."""
    one = result[0].aggregate("sum") if result[0].dimensions else result[0]
    scores = np.zeros_like(one.target_attributions, dtype=np.float64)
    for column, step in enumerate(range(one.attr_pos_start, one.attr_pos_end)):
        scores[step - SHIFT, column] = 1.0
    return result.replace(sequence_attributions=(one.replace(target_attributions=scores),))


def opposite(result: Attributions) -> Attributions:
    one = result[0].aggregate("sum") if result[0].dimensions else result[0]
    return result.replace(sequence_attributions=(one.replace(target_attributions=-one.target_attributions),))


@pytest.mark.parametrize("name", claiming("finds"))
def test_law_the_truth_then_the_method_then_chance_then_its_opposite(name: str) -> None:
    method = CLAIMS[name].method("finds", **({"baseline": "zero"} if name in ("occlusion", "feature_ablation") else {}))
    result = explained("copy", method)
    found = evaluate(
        {"truth": truth(result), "method": result, "opposite": opposite(result)},
        copying("copy"),
        METRICS,
        removals=("zero",),
        draws=12,
        curves=False,
    )
    means = {(line.metric, line.method): line.mean for line in summary(found)}
    for metric in METRICS:
        if name == "context_cite" and metric == "tau_loo":
            continue  # it is sparse: ties
        sign = 1 if METRICS_BY_NAME.get(metric).higher_is_better else -1
        best, given, chance, worst = (
            sign * (means[metric, who] or 0.0) for who in ("truth", "method", "random", "opposite")
        )
        assert best >= given - 1e-9 or metric in CORRELATIONS, metric
        assert given > chance > worst, metric


@pytest.mark.parametrize("name", claiming("finds"))
def test_law_gold_units_are_found_by_the_truth_then_the_method_then_chance(name: str) -> None:
    method = CLAIMS[name].method("finds", **({"baseline": "zero"} if name in ("occlusion", "feature_ablation") else {}))
    result = explained("copy", method, steps=1)
    found = evaluate(
        {"truth": truth(result), "method": result, "opposite": opposite(result)},
        copying("copy"),
        GOLD,
        removals=("zero",),
        gold=[Gold(text="the cat saw a dog", spans=((12, 13),))],
        draws=40,
        curves=False,
    )
    means = {(line.metric, line.method): line.mean for line in summary(found)}
    for metric in GOLD:
        sign = 1 if METRICS_BY_NAME.get(metric).higher_is_better else -1
        best, given, chance, worst = (
            sign * (means.get((metric, who)) or 0.0) for who in ("truth", "method", "random", "opposite")
        )
        if metric != "dot_product":  # in the unit of the scores
            assert best >= given - 1e-9, metric
            assert given > chance >= worst, metric
        assert given > worst, metric


SIZES = tuple(name for name in sorted(METRICS_BY_NAME) if issubclass(METRICS_BY_NAME.get(name), ReadsSizes))
"""Metrics that read more than an order."""


def as_scored(result: Attributions, scores: Any) -> Attributions:
    one = result[0].aggregate("sum") if result[0].dimensions else result[0]
    made = np.array(scores(np.shape(one.target_attributions)), dtype=np.float64)
    return result.replace(sequence_attributions=(one.replace(target_attributions=made),))


def test_law_chance_has_the_scale_and_the_sign_of_the_scores_it_is_held_against() -> None:
    """Scores that know nothing are no better and no worse than chance, whatever their size; those that know are better,
    whatever theirs."""
    result = explained("copy", CLAIMS["occlusion"].method("finds", baseline="zero"), steps=1)
    knowing = truth(result)
    one = np.asarray(knowing[0].target_attributions)
    rows = {
        "alike": as_scored(result, lambda shape: np.full(shape, 0.1)),
        "alike and below 0": as_scored(result, lambda shape: np.full(shape, -1e3)),
        "truth": knowing,
        "a thousandth of it": as_scored(result, lambda _: one / 1e3),
        "a thousand times it": as_scored(result, lambda _: one * 1e3),
    }
    gold = [Gold(text="the cat saw a dog", spans=((12, 13),))]
    found = evaluate(rows, copying("copy"), SIZES, removals=("zero",), gold=gold, draws=12, curves=False)
    over = {(line.metric, line.method): line.over_random for line in summary(found)}
    for name in SIZES:
        for method in rows:
            difference = over.get((name, method))
            if method.startswith("alike"):
                assert difference in (None, 0.0), (name, method)
                continue
            assert difference is not None, (name, method)
            if name in ("sparseness", "complexity", "completeness_gap"):  # no order changes them
                assert difference == 0.0, (name, method)
            else:
                assert (difference > 0) == METRICS_BY_NAME.get(name).higher_is_better, (name, method)
                assert difference != 0, (name, method)


ORDERS = tuple(name for name in sorted(METRICS_BY_NAME) if issubclass(METRICS_BY_NAME.get(name), ReadsOrder))
"""Metrics that read the order alone."""


def test_law_where_equal_scores_stand_in_the_text_decides_nothing() -> None:
    """Scores that are all alike are worth a random order, and zeros of sparse ones likewise, wherever the units stand
    that matter."""
    result = explained("copy", CLAIMS["occlusion"].method("finds", baseline="zero"), steps=1)
    found = evaluate(
        {
            "alike": as_scored(result, lambda shape: np.full(shape, 0.1)),
            "first ones": as_scored(result, lambda shape: -np.indices(shape)[0]),
            "last ones": as_scored(result, lambda shape: np.indices(shape)[0]),
        },
        copying("copy"),
        ORDERS,
        removals=("zero",),
        draws=40,
    )
    means = {(line.metric, line.method): line.mean for line in summary(found)}
    assert means["abpc", "alike"] == pytest.approx(0.0, abs=1e-9)
    for name in ORDERS:
        low, high = sorted((means[name, "first ones"] or 0.0, means[name, "last ones"] or 0.0))
        assert low <= (means[name, "alike"] or 0.0) <= high, name
    curves = {curve.method: curve for curve in found.curves}
    assert curves["alike"].most_first == pytest.approx(curves["alike"].least_first)


def test_what_infidelity_changes_is_run_once_for_all_that_is_ranked() -> None:
    result = explained("copy", CLAIMS["occlusion"].method("finds", baseline="zero"), steps=1)
    rows = {"a": result, "b": truth(result), "c": opposite(result)}
    costs = [
        evaluation_cost(given, copying("copy"), ["infidelity"], removals=("zero",)).forwards
        - evaluation_cost(given, copying("copy"), ["sparseness"], removals=("zero",)).forwards
        for given in (rows, {"a": result})
    ]
    assert costs == [17, 17]


@cache
def linear(kind: Any) -> AttributionModel:
    return AttributionModel(linear_model(kind))


def noise(result: Attributions, rng: np.random.Generator, examples: int) -> list[Attribution]:
    """The same text again and again, each time with scores that know nothing."""
    one = result[0].aggregate()
    sides = [name for name in ("source_attributions", "target_attributions") if getattr(one, name) is not None]
    return [one.replace(**{name: rng.random(getattr(one, name).shape) for name in sides}) for _ in range(examples)]


RUNS = 16


@pytest.mark.parametrize("alike", ["examples", "steps"])
def test_law_scores_that_know_nothing_differ_from_chance_as_seldom_as_is_said(alike: str) -> None:
    """Outputs with as many units as one another have chance of their own each: its error is not common to them all."""
    text = "the cat saw a dog"
    if alike == "examples":
        model, count = linear("decoder-only"), 40
        result = model.attribute(text, f"{text} and", method="saliency", show_progress=False)
    else:
        model, count = linear("encoder-decoder"), 1
        answer = "dog saw a cat and the dog saw a cat and the dog saw a cat and a dog"
        result = model.attribute(text, answer, method="saliency", attribute_target=False, show_progress=False)
    gold, metrics = [gold_from_words(text, ["saw"])] * count, ("mrr", "mean_rank")
    rng, told, covered = np.random.default_rng(5), [], []
    for seed in range(RUNS):
        given = {"noise": noise(result, rng, count)}
        found = evaluate(given, model, metrics, removals=("unk",), gold=gold, draws=3, seed=seed, curves=False)
        for line in summary(found):
            if line.method == "noise":
                assert line.p is not None
                assert line.interval is not None
                assert line.count > 10
                told.append(line.p < 0.05)
                covered.append(line.interval[0] <= 0 <= line.interval[1])
    assert len(told) == RUNS * len(metrics)
    assert np.mean(told) <= 0.15
    assert np.mean(covered) >= 0.8


@pytest.mark.parametrize("metric", ["lds", "sensitivity_n", "infidelity", "soft_sufficiency"])
def test_law_what_a_metric_draws_is_drawn_for_each_example_and_is_the_same_for_all_methods(metric: str) -> None:
    model, text = linear("decoder-only"), "the cat saw a dog"
    result = model.attribute(text, f"{text} and", method="saliency", show_progress=False)
    scores = noise(result, np.random.default_rng(0), 1) * 4
    given = {"a": scores, "b": scores}
    found = evaluate(given, model, [metric], removals=("unk", "delete"), draws=2, curves=False)
    values = {name: [one.value for one in found.measurements if one.method == name] for name in ("a", "b")}
    assert values["a"] == values["b"]
    assert len(set(values["a"])) > len(scores) / 2, "the same scores of the same text, held against other draws"
    again = evaluate(given, model, [metric], removals=("unk", "delete"), draws=2, curves=False)
    assert again.measurements == found.measurements
