"""Each metric on a case computed by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.errors import InputError
from wherefrom.evaluation import METRICS, Case
from wherefrom.evaluation.contract import Metric, ReadsOrder, ReadsSizes, as_metric
from wherefrom.evaluation.deletion_insertion import DeletionAuc, InsertionAuc
from wherefrom.evaluation.erasure import Comprehensiveness, Sufficiency
from wherefrom.evaluation.extreme_orders import extreme_order
from wherefrom.evaluation.linear_datamodeling import LinearDatamodelingScore
from wherefrom.evaluation.log_odds import LogOdds
from wherefrom.evaluation.normalised_aopc import NormalisedAopc, NormalisedAopcSufficiency
from wherefrom.evaluation.ordering import cut_points, order_scores, ranks_of, shares_on_top, without_ties
from wherefrom.evaluation.perturbation_curves import Abpc, AopcLerf, AopcMorf
from wherefrom.evaluation.plausibility import TokenF1, TokenIou
from wherefrom.evaluation.selfcite_reward import SelfCiteReward
from wherefrom.evaluation.sensitivity_n import SensitivityN
from wherefrom.evaluation.tau_leave_one_out import TauLeaveOneOut
from wherefrom.evaluation.top_k_drop import TopKDrop

WEIGHTS = np.array([1.0, 4.0, 2.0])
"""What each unit adds to the log-probability, which is -8 without any."""
GOOD = np.array([0.1, 0.9, 0.5])
GOLD = np.array([False, True, True])


def additive(weights: FloatArray = WEIGHTS, floor: float = -8.0) -> Callable[[BoolArray], FloatArray]:
    return lambda masks: floor + masks @ weights


def case(worth: Callable[[BoolArray], FloatArray] | None = None, gold: BoolArray | None = GOLD, count: int = 3) -> Case:
    return Case(count=count, worth=worth or additive(), gold=gold)


def p(value: float) -> float:
    return math.exp(value)


# log-probabilities: all -1; in order of GOOD -1, -5, -7, -8; in the opposite order -1, -2, -4, -8
BY_HAND: list[tuple[Metric, float]] = [
    (AopcMorf(), (0 + 4 + 6 + 7) / 4),
    (AopcLerf(), (0 + 1 + 3 + 7) / 4),
    (Abpc(), (17 - 11) / 4),
    (Abpc(cuts=1), 0.0),
    (Comprehensiveness(bins=(1 / 3, 2 / 3)), p(-1) - (p(-5) + p(-7)) / 2),
    (Sufficiency(bins=(1 / 3, 2 / 3)), p(-1) - (p(-4) + p(-2)) / 2),
    (DeletionAuc(), (p(-1) / 2 + p(-5) + p(-7) + p(-8) / 2) / 3),
    (InsertionAuc(), (p(-1) / 2 + p(-2) + p(-4) + p(-8) / 2) / 3),
    # after two of three, and after all
    (DeletionAuc(cuts=2), (p(-1) + p(-7)) / 2 * 2 / 3 + (p(-7) + p(-8)) / 2 / 3),
    (InsertionAuc(cuts=2), (p(-1) + p(-4)) / 2 * 2 / 3 + (p(-4) + p(-8)) / 2 / 3),
    (LogOdds(share=0.2), -4.0),
    (LogOdds(share=0.5), -6.0),
    (TopKDrop(), 4.0),
    (TopKDrop(k=2), 6.0),
    (SelfCiteReward(), -4.0 - -5.0),
    (TauLeaveOneOut(), 1.0),
    (LinearDatamodelingScore(), 1.0),
    (SensitivityN(), 1.0),
    (NormalisedAopc(), 1.0),
    (NormalisedAopcSufficiency(), 0.0),
    (as_metric("auprc"), 1.0),
    (as_metric("mrr"), 1.0),
    (as_metric("probes_needed"), 0.0),
    (as_metric("mean_rank"), 1.5),
    (as_metric("dot_product"), 1.4),
    (as_metric("pointing_game"), 1.0),
    (as_metric("relevance_mass"), 1.4 / 1.5),
    (as_metric("rank_accuracy"), 1.0),
    (as_metric("precision_at_k"), 1.0),
    (as_metric("token_f1"), 1.0),
    (as_metric("token_iou"), 1.0),
    (as_metric("sparseness"), 1 - 2 * (0.1 * 2.5 + 0.5 * 1.5 + 0.9 * 0.5) / (1.5 * 3)),
    (as_metric("complexity"), -sum(x / 1.5 * math.log(x / 1.5) for x in GOOD)),
    (as_metric("completeness_gap"), (7 - 1.5) / 7),
]


@pytest.mark.parametrize("metric, value", BY_HAND, ids=lambda one: getattr(one, "identifier", ""))
def test_a_metric_is_what_was_computed_by_hand(metric: Metric, value: float) -> None:
    assert metric.measure(scores_of(metric), case()) == pytest.approx(value, abs=1e-12)


def scores_of(metric: Metric) -> FloatArray:
    """Correlations with sums need scores that add up."""
    return WEIGHTS / 7 if metric.identifier in ("sensitivity_n", "lds") else GOOD


ELSEWHERE = {"soft_sufficiency", "soft_comprehensiveness", "infidelity", "max_sensitivity", "parameter_randomisation"}
"""By hand in `test_metrics_of_embeddings` and `test_metrics_of_methods`."""


def test_every_metric_has_a_case_by_hand() -> None:
    assert {metric.identifier for metric, _ in BY_HAND} | ELSEWHERE == set(METRICS)


@pytest.mark.parametrize("name", sorted(set(METRICS) - ELSEWHERE))
def test_a_metric_asks_for_nothing_it_did_not_plan(name: str) -> None:
    metric = as_metric(name)
    planned = {mask.tobytes() for mask in metric.plan(GOOD, 0)} | {np.ones(3, bool).tobytes()}

    def worth(masks: BoolArray) -> FloatArray:
        assert {mask.tobytes() for mask in masks} <= planned
        return additive()(masks)

    metric.measure(GOOD, case(worth))


@pytest.mark.parametrize(
    "scores, name, value",
    [
        ([0.9, 0.1, 0.5], "mrr", 1 / 2),
        ([0.9, 0.1, 0.5], "probes_needed", 1.0),
        ([0.9, 0.1, 0.5], "mean_rank", 2.5),
        ([0.9, 0.1, 0.5], "auprc", (1 / 2 + 2 / 3) / 2),
        ([0.9, 0.1, 0.5], "pointing_game", 0.0),
        ([0.9, 0.1, 0.5], "rank_accuracy", 1 / 2),
        ([0.9, 0.1, 0.5], "token_iou", 1 / 3),
        ([0.9, -0.1, 0.3], "relevance_mass", 0.25),
    ],
)
def test_gold_metrics_of_scores_that_miss(scores: list[float], name: str, value: float) -> None:
    assert as_metric(name).measure(np.array(scores), case()) == pytest.approx(value)


OF_GOLD = sorted(name for name in METRICS if METRICS.get(name).needs_gold)
RANKING = [name for name in OF_GOLD if not issubclass(METRICS.get(name), ReadsSizes)]
"""Those that read the order alone."""
TIED = [
    ([1.0, 1.0, 0.0, 0.0, -1.0], [True, False, False, True, False]),
    ([0.0, 0.0, 0.0, 0.0, 0.0], [False, True, True, False, True]),
    ([2.0, 1.0, 1.0, 1.0, 0.0], [False, True, False, True, False]),
    ([0.0, 0.0, 3.0, 0.0, 0.0], [True, False, False, False, True]),
    ([0.0, 0.0, 3.0, 0.0, 0.0], [False, False, True, False, True]),
    ([2.0, 2.0, 2.0, 1.0, 1.0], [False, True, True, True, True]),
    ([0.0, 0.0, 0.0, 0.0, 0.0], [False, False, False, True, False]),
]


@pytest.mark.parametrize("scores, gold", TIED)
@pytest.mark.parametrize("name", OF_GOLD)
def test_where_a_unit_stands_does_not_decide_what_equal_scores_are_worth(
    name: str, scores: list[float], gold: list[bool]
) -> None:
    values = {
        round(as_metric(name).measure(np.array(scores)[[*order]], case(gold=np.array(gold)[[*order]], count=5)), 12)
        for order in permutations(range(5))
    }
    assert len(values) == 1 or all(map(math.isnan, values))


@pytest.mark.parametrize("scores, gold", TIED)
@pytest.mark.parametrize("metric", [as_metric(name) for name in RANKING] + [TokenIou(k=3), TokenF1(k=4), TokenIou(k=9)])
def test_equal_scores_are_worth_the_mean_over_their_orders(
    metric: Metric, scores: list[float], gold: list[bool]
) -> None:
    about = case(gold=np.array(gold), count=5)
    strict = [metric.measure(np.array(scores) + 0.1 * np.array(order), about) for order in permutations(range(5))]
    assert metric.measure(np.array(scores), about) == pytest.approx(np.mean(strict))


@pytest.mark.parametrize("name", RANKING)
@pytest.mark.parametrize("gold", [1, 7])
def test_of_many_units_equal_scores_are_worth_random_orders(name: str, gold: int) -> None:
    metric, rng = as_metric(name), np.random.default_rng(1)
    about = case(gold=np.arange(40) < gold, count=40)
    drawn = np.array([metric.measure(rng.random(40), about) for _ in range(2000)])
    assert metric.measure(np.zeros(40), about) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(2000))


def test_of_thousands_of_equal_scores_metrics_are_numbers() -> None:
    about = case(gold=np.arange(6000) % 3 == 0, count=6000)
    for name in RANKING:
        assert math.isfinite(as_metric(name).measure(np.zeros(6000), about)), name


@pytest.mark.parametrize(
    "scores, wanted, ranks",
    [
        ([1, 1, 0], [0], [1.5]),
        ([1, 1, 0], [0, 1], [1, 2]),
        ([0, 0, 0], [1], [2]),
        ([0, 0, 0], [0, 2], [4 / 3, 8 / 3]),
        ([3, 2, 1, 1], [1, 3], [2, 3.5]),
    ],
)
def test_ranks_of_equal_scores(scores: list[float], wanted: list[int], ranks: list[float]) -> None:
    chosen = np.isin(np.arange(len(scores)), wanted)
    np.testing.assert_allclose(ranks_of(chosen, np.array(scores, float)), ranks)


@pytest.mark.parametrize("k, shares", [(1, [0.5, 0.5, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (9, [1, 1, 1])])
def test_shares_of_equal_scores_on_top(k: int, shares: list[float]) -> None:
    np.testing.assert_allclose(shares_on_top(np.array([2.0, 2.0, 1.0]), k), shares)


def test_without_gold_units_a_gold_metric_says_so() -> None:
    with pytest.raises(InputError, match="gold"):
        as_metric("mrr").measure(GOOD, case(gold=None))


def test_scores_that_are_no_numbers_are_not_ranked() -> None:
    with pytest.raises(InputError, match="not numbers"):
        Abpc().measure(np.array([1.0, np.nan, 0.0]), case())


def test_correlations_of_constant_scores_are_undefined() -> None:
    for name in ("tau_loo", "lds", "sensitivity_n"):
        assert math.isnan(as_metric(name).measure(np.zeros(3), case())), name


def test_cuts_are_even_and_keep_both_ends() -> None:
    assert cut_points(10, 4).tolist() == [0, 2, 5, 8, 10]
    assert cut_points(3, 9).tolist() == [0, 1, 2, 3]


def table_game(seed: int, count: int) -> Callable[[BoolArray], FloatArray]:
    values = np.random.default_rng(seed).normal(size=2**count)
    return lambda masks: values[masks @ (1 << np.arange(count))]


@pytest.mark.parametrize("seed", range(5))
def test_the_extreme_orders_are_those_of_all_orders(seed: int) -> None:
    game = case(table_game(seed, 5), count=5)
    all_values = [AopcMorf().measure(order_scores(np.array(order)), game) for order in permutations(range(5))]
    best = AopcMorf().measure(order_scores(extreme_order(5, game.worth, lowest=True)), game)
    worst = AopcMorf().measure(order_scores(extreme_order(5, game.worth, lowest=False)), game)
    assert best == pytest.approx(max(all_values))
    assert worst == pytest.approx(min(all_values))


def test_a_beam_finds_the_best_order_of_an_additive_game() -> None:
    weights = np.random.default_rng(0).normal(size=13)
    order = extreme_order(13, additive(weights), lowest=True)
    assert order.tolist() == np.argsort(-weights).tolist()


@pytest.mark.parametrize("name", ["aopc_morf", "abpc", "naopc", "insertion_auc", "tau_loo", "lds", "sensitivity_n"])
def test_the_truth_is_better_than_chance_and_chance_than_its_opposite(name: str) -> None:
    rng = np.random.default_rng(3)
    weights = rng.normal(size=8)
    game = case(additive(weights), count=8, gold=None)
    metric = as_metric(name)
    chance = np.mean([metric.measure(rng.random(8), game) for _ in range(50)])
    assert metric.measure(weights, game) > chance > metric.measure(-weights, game)


OF_ORDER = [name for name in sorted(METRICS) if issubclass(METRICS.get(name), ReadsOrder)]


def test_metrics_of_removal_read_the_order_alone() -> None:
    removing = [
        name for name in sorted(METRICS) if len(as_metric(name).plan(GOOD, 0)) and not METRICS.get(name).needs_gold
    ]
    assert [name for name in removing if not issubclass(METRICS.get(name), ReadsSizes | ReadsOrder)] == ["tau_loo"]
    for name in OF_ORDER:
        same = as_metric(name).measure(GOOD, case())
        assert as_metric(name).measure(1e3 * GOOD**3, case()) == same, name


@pytest.mark.parametrize("scores", [[3.0, 1.0, 1.0, 0.0], [0.0, 0.0, 2.0, 0.0], [5.0, 5.0, 5.0, 5.0]])
def test_equal_scores_are_taken_in_orders_drawn_by_chance(scores: list[float]) -> None:
    """Each place is as likely for each of them, and the order of unequal ones stays."""
    given = np.array(scores)
    drawn = [without_ties(given, seed) for seed in range(600)]
    assert {len(one) for one in drawn} == {2}
    orders = [tuple(np.argsort(-one)) for both in drawn for one in both]
    assert all((np.diff(given[list(order)]) <= 0).all() for order in orders)
    kept = {order for order in permutations(range(4)) if (np.diff(given[list(order)]) <= 0).all()}
    often = Counter(orders)
    assert set(often) == kept
    assert all(abs(often[order] / len(orders) - 1 / len(kept)) < 0.05 for order in kept)
    one, other = (tuple(np.argsort(-one)) for one in without_ties(given, 5))
    for value in set(scores):
        alike = [[unit for unit in order if scores[unit] == value] for order in (one, other)]
        assert alike[0] == alike[1][::-1]


def test_unequal_scores_are_taken_as_they_are() -> None:
    (same,) = without_ties(GOOD, 0)
    assert same is GOOD
    with pytest.raises(InputError, match="cannot be ranked"):
        without_ties(np.array([np.nan, np.nan, 1.0]), 0)
