"""Sampled scores know how far they may be off, and are exact where exact is not dearer."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from wherefrom.methods import (
    ContextCite,
    GradientShap,
    IntegratedGradients,
    Interactions,
    KernelShap,
    Lime,
    ShapleyValueSampling,
)
from wherefrom.methods.contract import no_progress
from wherefrom.methods.exact_shapley import exact_values
from wherefrom.methods.perturbation.ablation import LOG_PROBABILITY, ablate
from wherefrom.methods.perturbation.coalitions import all_coalitions
from wherefrom.methods.perturbation.settings import SampledSettings
from wherefrom.methods.perturbation.units import units_of
from wherefrom.methods.sampling.moments import Moments
from wherefrom.testing import ReferenceModel, question

from tests.core.games import game, shapley, shapley_of_many

SAMPLED = (ContextCite, KernelShap, Lime, ShapleyValueSampling)


def crowded(there):
    """Units of growing weight that crowd each other out."""
    return float(np.sqrt(np.arange(1, len(there) + 1) @ there))


def scores_of(method, units, worth=crowded):
    model, asked = game(worth, units)
    (scores,) = evolve(method, baseline="unk").attribute(model, [asked], no_progress)
    return scores, len(model.ran)


@pytest.mark.parametrize("units", [2, 5, 6])
def test_few_units_are_exact_and_no_dearer(units):
    scores, forwards = scores_of(ShapleyValueSampling(), units)
    np.testing.assert_allclose(scores.target[:units, 0], shapley(crowded, units), atol=1e-12)
    assert forwards <= 2**units
    assert "standard_error" not in scores.details


@pytest.mark.parametrize("method", SAMPLED, ids=lambda method: method.identifier)
def test_all_coalitions_are_used_where_they_are_no_more_than_the_sample(method):
    scores, forwards = scores_of(method(), 5)
    assert forwards <= 2**5
    again, _ = scores_of(method(seed=7), 5)
    np.testing.assert_allclose(again.target, scores.target, atol=1e-12)  # nothing is random


@pytest.mark.parametrize("method", [Lime, ContextCite], ids=lambda method: method.identifier)
def test_all_coalitions_fit_what_many_samples_fit(method):
    keep = {"mask_prob": 0.3} if method is Lime else {"keep_prob": 0.7}
    exact, _ = scores_of(method(n_samples=32, **keep), 5, worth=lambda there: -crowded(there))
    model, asked = game(lambda there: -crowded(there), 5)
    plan = method(n_samples=4, **keep)
    units = units_of(asked, "token", generated=method is not ContextCite)
    masks = np.random.default_rng(0).random((4000, 5)) < 0.7
    table = ablate(model, asked, units, masks)
    name = LOG_PROBABILITY if method is ContextCite else next(key for key in table.values if key != LOG_PROBABILITY)
    visible = units.visible(asked.steps)
    sampled = plan.solve(masks, table.values_of(masks, name), visible, units)
    np.testing.assert_allclose(exact.target[:5, 0], sampled[:, 0], atol=0.05 * np.abs(sampled).max())


def test_every_unit_takes_every_place():
    """Every unit arrives first, second, ... equally often: 10 orders of 10 units are a Latin square."""
    _, asked = game(crowded, 10)
    units = units_of(asked, "token")
    plan = ShapleyValueSampling(n_samples=10, antithetic=False)
    masks = plan.plan(units, np.random.default_rng(3)).reshape(10, 11, 10)
    arrived = (masks[:, 1:] & ~masks[:, :-1]).argmax(axis=2)
    for place in range(10):
        assert sorted(arrived[:, place]) == list(range(10))


def test_no_two_units_stay_neighbours():
    """Who has arrived before a unit is another set in every order, as far as chance goes."""
    _, asked = game(crowded, 30)
    plan = ShapleyValueSampling(n_samples=30, antithetic=False)
    masks = plan.plan(units_of(asked, "token"), np.random.default_rng(3)).reshape(30, 31, 30)
    arrived = (masks[:, 1:] & ~masks[:, :-1]).argmax(axis=2)
    followed = [(int(one), int(next_)) for order in arrived for one, next_ in pairwise(order)]
    assert len(set(followed)) > len(followed) / 2


def test_places_taken_once_lower_the_error_of_unequal_places():
    truth = shapley_of_many(crowded, 12)
    errors = []
    for seed in range(20):
        scores, _ = scores_of(ShapleyValueSampling(n_samples=24, seed=seed), 12)
        errors.append(scores.target[:12, 0] - truth)
    drawn = []
    rng = np.random.default_rng(0)
    for _ in range(20):
        orders = [order for base in (rng.permutation(12) for _ in range(12)) for order in (base, base[::-1])]
        gains = np.zeros(12)
        for order in orders:
            there = np.zeros(12, bool)
            for unit in order:
                before = crowded(there)
                there[unit] = True
                gains[unit] += crowded(there) - before
        drawn.append(gains / len(orders) - truth)
    assert np.std(errors) < np.std(drawn)


@cache
def threes(units):
    """Threes of units, and what each is worth."""
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(units)[:3] for _ in range(4 * units)]), rng.normal(size=4 * units)


def of_threes(there):
    """Units that are worth something in threes, some more and some less than nothing."""
    drawn, worth = threes(len(there))
    return float(there[drawn].all(axis=1) @ worth)


@pytest.mark.parametrize("worth", [crowded, of_threes])
@pytest.mark.parametrize(
    "method",
    [KernelShap(n_samples=128), Lime(n_samples=128), ContextCite(n_samples=128), ShapleyValueSampling()],
    ids=lambda method: method.identifier,
)
def test_standard_errors_are_those_of_other_seeds(method, worth):
    found, said = [], []
    for seed in range(24):
        scores, _ = scores_of(evolve(method, seed=seed, n_bootstrap=32), 14, worth)
        found.append(scores.target[:14, 0])
        said.append(np.array(scores.details["standard_error"])[:, 0])
    actual, claimed = np.std(found, axis=0).mean(), np.mean(said)
    safe = isinstance(method, ShapleyValueSampling) and worth is crowded  # its orders take every place once
    assert 0.6 < claimed / actual < (3 if safe else 1.7), (actual, claimed)


@pytest.mark.parametrize(
    "method",
    [
        *(ShapleyValueSampling(n_samples=draws) for draws in (4, 6, 8)),
        ShapleyValueSampling(n_samples=2, antithetic=False),
        KernelShap(n_samples=KernelShap().enough(12)),
    ],
    ids=lambda method: f"{method.identifier}-{method.n_samples}",
)
def test_standard_errors_of_few_draws_are_those_of_other_seeds(method: Any) -> None:
    found, said, wide = [], [], []
    for seed in range(60):
        scores, _ = scores_of(evolve(method, seed=seed, n_bootstrap=32), 12, of_threes)
        found.append(scores.target[:12, 0])
        said.append(np.array(scores.details["standard_error"])[:, 0])
        bounds = scores.details["confidence"]
        wide.append(np.array(bounds["high"])[:, 0] - np.array(bounds["low"])[:, 0])
    actual = np.sqrt(np.var(found, axis=0, ddof=1).mean())
    claimed = np.sqrt(np.mean(np.square(said)))
    assert 0.9 < claimed / actual < 1.5, (actual, claimed)
    assert np.mean(wide) > 2 * 0.8 * actual, "the intervals are as wide as the errors"


@pytest.mark.parametrize(
    "method, least",
    [
        (KernelShap(n_samples=128), 0.93),
        (KernelShap(n_samples=128, n_bootstrap=8), 0.93),
        (ShapleyValueSampling(), 0.93),
        (ShapleyValueSampling(n_samples=8), 0.88),
        (ShapleyValueSampling(n_samples=6), 0.85),
    ],
    ids=lambda value: (
        f"{value.identifier}-{value.n_samples}-{value.n_bootstrap}" if isinstance(value, SampledSettings) else None
    ),
)
def test_intervals_hold_the_true_scores_about_as_often_as_they_say(method: Any, least: float) -> None:
    units, held = 10, []
    there = all_coalitions(units)
    worths = np.array([of_threes(one) for one in there])[:, None]
    truth = exact_values(there, worths, np.ones((units, 1), bool))
    for seed in range(60):
        scores, _ = scores_of(evolve(method, seed=seed), units, of_threes)
        low, high = (np.array(scores.details["confidence"][bound]) for bound in ("low", "high"))
        np.testing.assert_allclose((low + high)[:, 0] / 2, scores.target[:units, 0], atol=1e-9)
        held.append((low <= truth) & (truth <= high))
    assert least <= np.mean(held) <= 0.99, np.mean(held)


def test_intervals_of_pairs_lie_around_their_scores() -> None:
    scores, _ = scores_of(Interactions(n_samples=200), 10, of_threes)
    table = scores.details["interactions"]
    middle = (np.array(table["low"]) + np.array(table["high"])) / 2
    np.testing.assert_allclose(middle, table["scores"], atol=1e-9)
    reach = (np.array(table["high"]) - np.array(table["low"])) / 2 / np.array(table["standard_error"])
    assert 1.96 < reach.min() <= reach.max() < 2.2


@pytest.mark.parametrize("method", [KernelShap, Lime, ShapleyValueSampling], ids=lambda method: method.identifier)
def test_auto_adds_samples_until_errors_are_small(method):
    scores, forwards = scores_of(method(n_samples="auto", tolerance=0.05, max_samples=2000), 11)
    error = np.array(scores.details["standard_error"])[:, 0]
    assert error.max() <= 0.05 * np.abs(scores.target[:11, 0]).max()
    _, fewer = scores_of(method(n_samples="auto", tolerance=0.5, max_samples=2000), 11)
    assert fewer < forwards


@pytest.mark.parametrize("method", [KernelShap, Lime, ShapleyValueSampling], ids=lambda method: method.identifier)
def test_auto_keeps_its_budget(method):
    _, forwards = scores_of(method(n_samples="auto", tolerance=1e-9, max_samples=700), 13)
    assert forwards <= 700


@pytest.mark.parametrize("method", [KernelShap, Lime, ShapleyValueSampling], ids=lambda method: method.identifier)
def test_auto_says_where_its_budget_ends_above_its_tolerance(method):
    def told(made: Any) -> tuple[Any, list[str]]:
        scores, _ = scores_of(made, 13)
        return scores, [one for one in scores.warnings if "keep a standard error above" in one]

    scores, (said,) = told(method(n_samples="auto", tolerance=0.02, max_samples=100))
    error = np.array(scores.details["standard_error"])[:, 0]
    part = error.max() / np.abs(scores.target[:13, 0]).max()
    assert f"above 0.02 of their largest score after {scores.details['samples']} samples (largest {part:.2g})" in said
    assert "a larger max_samples than 100" in said
    assert told(method(n_samples="auto", tolerance=0.5, max_samples=2000))[1] == []
    assert told(method(n_samples=60, tolerance=1e-9))[1] == []


def test_a_sample_that_tells_nothing_apart_says_so():
    def noise(there):
        return float(np.random.default_rng(int(there @ (1 << np.arange(len(there))))).normal())

    scores, _ = scores_of(Lime(n_samples=60), 13, worth=noise)
    assert any("standard errors are as large" in text for text in scores.warnings)
    scores, _ = scores_of(Lime(n_samples=60), 13, worth=lambda there: float(np.arange(13) ** 2 @ there))
    assert not scores.warnings


def test_gradient_shap_says_its_error_and_adds_samples():
    model = ReferenceModel()
    asked = question(model, "the cat sat", "on the mat")
    (few,) = GradientShap(n_samples=4).attribute(model, [asked], no_progress)
    (auto,) = GradientShap(tolerance=0.05, max_samples=1024).attribute(model, [asked], no_progress)
    assert few.details["samples"] == 4 < auto.details["samples"]
    error = np.array(auto.details["standard_error"]["target"])
    token = auto.target.sum(-1)
    assert (error.max(axis=0) <= 0.05 * np.abs(token).max(axis=0)).all()
    (bounded,) = GradientShap(tolerance=1e-9, max_samples=24).attribute(model, [asked], no_progress)
    assert bounded.details["samples"] == 24


def test_gradient_shap_says_where_its_budget_ends_above_its_tolerance():
    model = ReferenceModel()
    asked = question(model, "the cat sat", "on the mat")

    def told(method):
        (scores,) = method.attribute(model, [asked], no_progress)
        return scores, [text for text in scores.warnings if "above" in text]

    scores, (said,) = told(GradientShap(tolerance=0.003, max_samples=24))
    largest = np.abs(scores.target.sum(-1)).max(axis=0)
    parts = np.array(scores.details["standard_error"]["target"]).max(axis=0) / largest
    assert f"{(parts > 0.003).sum()} of {len(parts)} steps" in said
    assert f"after 24 samples (largest {parts.max():.2g})" in said
    assert told(GradientShap(tolerance=0.05, max_samples=1024))[1] == []
    assert told(GradientShap(tolerance=0.003, n_samples=24))[1] == []


def test_tokens_behind_a_step_do_not_make_its_scores_less_rough():
    rng = np.random.default_rng(0)
    moments = Moments(2)
    for sample in range(8):
        scores = np.append(5.0 + rng.normal(size=2), [0.0, 0.0])[:, None]
        moments.add({"target": [scores, scores.copy()]}, np.arange(2), sample, 8)
    np.testing.assert_array_equal(moments.rough_outputs(np.array([2, 4])), [0])


@pytest.mark.parametrize("slope, noise", [(0.0, 1.0), (3.0, 1.0), (3.0, 0.1), (3.0, 0.0)])
@pytest.mark.parametrize("stretches, rounds", [(2, 1), (3, 1), (8, 1), (8, 4), (64, 1)])
def test_the_error_of_stratified_samples_is_what_their_mean_is_off_by(slope, noise, stretches, rounds):
    rng = np.random.default_rng(0)
    means, squares = [], []
    for _ in range(400):
        moments = Moments(1)
        for _ in range(rounds):
            at = (np.arange(stretches) + rng.uniform(size=stretches)) / stretches
            for k, value in enumerate(slope * at + noise * rng.normal(size=stretches)):
                moments.add({"target": [np.full((1, 1), value)]}, np.zeros(1, np.int64), k, stretches)
        means.append(moments.token_means()["target"][0, 0])
        squares.append(moments.standard_errors()["target"][0, 0] ** 2)
    told = np.sqrt(np.mean(squares)) / np.std(means)
    most = 1.3 if noise == 1.0 and stretches > 2 else 3.0
    assert 0.9 < told < most, told


def test_the_error_of_gradient_shap_is_no_multiple_of_the_true_one():
    model = ReferenceModel()
    asked = question(model, "the cat sat", "on the mat")
    (exact,) = IntegratedGradients(n_steps=200).attribute(model, [asked], no_progress)
    off, told = [], []
    for seed in range(24):
        (found,) = GradientShap(n_samples=32).attribute(model, [evolve(asked, seed=seed)], no_progress)
        off.append((found.target - exact.target).sum(-1))
        told.append(found.details["standard_error"]["target"])
    seen = np.abs(exact.target.sum(-1)) > 1e-9
    ratio = np.sqrt(np.mean(np.square(told), 0))[seen] / np.sqrt(np.mean(np.square(off), 0))[seen]
    assert ((ratio > 0.7) & (ratio < 2.0)).all(), ratio


def test_stratified_points_come_nearer_than_free_ones():
    """What the shares add up to is off by less than with points drawn freely."""
    model = ReferenceModel()
    asked = question(model, "the cat sat", "on the mat")
    stratified = []
    for seed in range(12):
        method = GradientShap(n_samples=8, return_convergence_delta=True)
        (scores,) = method.attribute(model, [evolve(asked, seed=seed)], no_progress)
        stratified.append(np.abs(scores.step_scores["deltas"]).mean())
    free = []
    for seed in range(12):
        parts = [
            next(
                iter(
                    GradientShap(n_samples=1, return_convergence_delta=True).attribute(
                        model, [evolve(asked, seed=100 * seed + k)], no_progress
                    )
                )
            ).step_scores["deltas"]
            for k in range(8)
        ]
        free.append(np.abs(np.mean(parts, axis=0)).mean())
    assert np.mean(stratified) < np.mean(free) / 2


@pytest.mark.parametrize(
    "method", [KernelShap, Lime, ShapleyValueSampling, ContextCite], ids=lambda one: one.identifier
)
def test_a_first_round_beyond_the_budget_is_told(method: Any) -> None:
    def told(made: Any) -> tuple[list[str], int]:
        scores, forwards = scores_of(made, 13)
        return [one for one in scores.warnings if "the first round took" in one], forwards

    (warning,), forwards = told(method(n_samples="auto", max_samples=10))
    assert forwards > 10
    assert f"took {forwards} forwards, more than max_samples=10" in warning
    assert told(method(n_samples="auto", max_samples=forwards, tolerance=1e-9)) == ([], forwards)
    assert told(method())[0] == []


@pytest.mark.parametrize("n_samples, advice", [(20, "n_samples='auto'"), ("auto", "a larger max_samples than 40")])
def test_rough_scores_say_what_is_not_done_yet(n_samples: Any, advice: str) -> None:
    model = ReferenceModel("decoder-only")
    asked = question(model, "the cat sat on the mat and the dog sat on", "a dog slept")
    method = Lime(n_samples=n_samples, max_samples=40, tolerance=1e-6, baseline="unk", units="token")
    (scores,) = method.attribute(model, [asked], no_progress)
    (warning,) = [one for one in scores.warnings if "standard errors" in one]
    assert f"Use {advice}" in warning


FEW = [
    (KernelShap(n_samples=8), 80),
    (KernelShap(n_samples=28), 80),
    (KernelShap(n_samples=38), 80),
    (Lime(n_samples=2), 34),
    (Lime(n_samples=16, surrogate="lasso"), 34),
    (ContextCite(n_samples=2), 34),
    (ShapleyValueSampling(n_samples=1), 8),
    (ShapleyValueSampling(n_samples=2), 8),
    (ShapleyValueSampling(n_samples=1, antithetic=False), 4),
]


@pytest.mark.parametrize("method, advised", FEW, ids=[f"{one.identifier}-{one.n_samples}-{k}" for one, k in FEW])
def test_samples_that_are_too_few_for_the_units_are_told(method: Any, advised: int) -> None:
    scores, _ = scores_of(method, 15, lambda there: -crowded(there))
    (told,) = [text for text in scores.warnings if "too few for 15 units" in text]
    assert f"{method.n_samples} samples are too few" in told
    assert f"Use n_samples={advised}, or larger units" in told
    enough, _ = scores_of(evolve(method, n_samples=advised), 15, lambda there: -crowded(there))
    assert not any("too few" in text for text in enough.warnings)


def test_steps_that_see_few_units_have_enough_samples() -> None:
    model, asked = game(crowded, 15, steps=15)
    (scores,) = KernelShap(n_samples=24, baseline="unk").attribute(model, [asked], no_progress)
    (told,) = [text for text in scores.warnings if "too few for 15 units" in text]
    short = int(re.search(r"at (\d+) of 15 steps", told).group(1))  # type: ignore[union-attr]
    assert 3 <= short <= 12
    first = int(re.search(r"the first is step (\d+)", told).group(1))  # type: ignore[union-attr]
    assert first >= 3


def test_auto_adds_samples_until_they_tell_the_units_apart() -> None:
    for method in (Lime(), KernelShap()):
        auto = evolve(method, n_samples="auto", tolerance=100.0, max_samples=2000)
        scores, _ = scores_of(auto, 200)
        assert scores.details["samples"] > method.n_samples
        assert not any("too few" in text for text in scores.warnings)
    scores, _ = scores_of(Lime(n_samples="auto", max_samples=60), 200)
    assert any("Use a larger max_samples than 60" in text for text in scores.warnings)
