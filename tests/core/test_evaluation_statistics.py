"""Intervals and p values, on cases where they are known."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.evaluation.statistics import bootstrap_interval, permutation_p
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


def test_an_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.normal(1.0, 1.0, size=30), resamples=300, seed=trial)
        hits += low <= 1.0 <= high
    assert 0.86 <= hits / 200 <= 0.99


def test_one_value_has_no_interval() -> None:
    assert np.isnan(bootstrap_interval(np.array([1.0]))).all()
