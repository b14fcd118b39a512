"""Intervals and p values, on cases where they are known."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.evaluation.statistics import mean_interval, permutation_p
from wherefrom.results.multiple_tests import holm


def test_all_signs_alike_is_one_pattern_in_two_of_all() -> None:
    assert permutation_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(2 / 2**5)


def test_differences_around_zero_are_chance() -> None:
    assert permutation_p(np.array([1.0, -1.0, 2.0, -2.0])) == pytest.approx(1.0)


def test_a_sampled_test_agrees_with_the_exact_one() -> None:
    values = np.random.default_rng(0).normal(0.4, 1.0, size=12)
    exact = permutation_p(values, resamples=2**12)
    assert permutation_p(values, resamples=2**12 - 1) == pytest.approx(exact, abs=0.02)


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, np.nan])).tolist()[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm(np.array([0.5, np.nan]))[1])
    # of any shape: all of them are tests of one family
    np.testing.assert_allclose(holm(np.array([[0.01, 0.04], [0.03, 1.0]])), [[0.04, 0.09], [0.09, 1.0]])


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_an_interval_covers_the_mean_about_as_often_as_it_says(count: int) -> None:
    rng = np.random.default_rng(1)
    bounds = np.array([mean_interval(rng.normal(1.0, 1.0, size=count)) for _ in range(2000)])
    assert 0.935 <= np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0)) <= 0.965


def test_an_interval_of_few_skewed_values_covers_the_mean_nearly_as_often() -> None:
    rng = np.random.default_rng(2)
    bounds = np.array([mean_interval(rng.exponential(size=5)) for _ in range(2000)])
    assert 0.86 <= np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0)) <= 0.95


def test_an_interval_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.array([0.1, 0.3, 0.2, 0.4, 0.25])
    expected = stats.t.interval(0.9, 4, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values, confidence=0.9) == pytest.approx(expected)


def test_one_value_has_no_interval() -> None:
    assert np.isnan(mean_interval(np.array([1.0]))).all()
