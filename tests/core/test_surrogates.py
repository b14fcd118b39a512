from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import Lasso, Ridge
from wherefrom.methods.perturbation.surrogates import (
    constrained,
    distinct_columns,
    drawing_weights,
    lasso,
    ridge,
)

RNG = np.random.default_rng(0)
X, Y, W = RNG.random((30, 5)), RNG.normal(size=(30, 2)), RNG.random(30)


def test_ridge_is_sklearns():
    expected = Ridge(alpha=0.1).fit(X, Y, sample_weight=W / W.sum()).coef_.T
    np.testing.assert_allclose(ridge(X, Y, W, 0.1), expected, atol=1e-10)


def test_ridge_does_not_depend_on_the_number_of_samples():
    twice = ridge(np.tile(X, (2, 1)), np.tile(Y, (2, 1)), np.tile(W, 2), 0.1)
    np.testing.assert_allclose(twice, ridge(X, Y, W, 0.1), atol=1e-12)


def test_lasso_is_sklearns():
    expected = [Lasso(alpha=0.02, tol=1e-10).fit(X, column, sample_weight=W).coef_ for column in Y.T]
    np.testing.assert_allclose(lasso(X, Y, W, 0.02), np.transpose(expected), atol=1e-4)


@pytest.mark.parametrize("keep_prob", [0.5, 0.7, 0.9])
def test_all_coalitions_weighed_are_penalised_as_many_drawn_ones(keep_prob):
    every = np.array(list(product([False, True], repeat=4)))
    often = drawing_weights(every, keep_prob)
    counts = np.rint(often / often.min()).astype(int)  # as often as drawing would have it, exactly
    drawn = np.repeat(every, counts, axis=0)

    def fit(masks, weights):
        values = masks @ np.array([2.0, 1.0, 0.4, -0.3]) + 0.8 * masks[:, 0] * masks[:, 1]
        return lasso(masks.astype(float), values[:, None], weights, 0.02, standardize=True)

    np.testing.assert_allclose(fit(every, counts.astype(float)), fit(drawn, np.ones(len(drawn))), atol=1e-5)


def test_lasso_of_a_constant_is_nothing():
    assert not lasso(X, np.full((30, 1), 3.0), W, 0.0).any()


def test_constrained_keeps_the_sum_and_is_the_best_that_does():
    total = np.array([1.0, -2.0])
    found = constrained(X, Y, W, total)
    np.testing.assert_allclose(found.sum(axis=0), total)

    def loss(c):
        return (W[:, None] * (Y - X @ c) ** 2).sum(axis=0)

    for _ in range(20):
        aside = RNG.normal(size=found.shape)
        assert (loss(found + 0.1 * (aside - aside.mean(axis=0))) >= loss(found)).all()


def test_constrained_without_samples_shares_equally():
    np.testing.assert_allclose(constrained(X, Y, np.zeros(30), np.array([1.0, 5.0])), [[0.2, 1.0]] * 5)


def test_columns_that_see_the_same_come_together():
    visible = np.array([[1, 1, 1], [0, 1, 0]], bool)
    groups = {tuple(seen): outputs.tolist() for seen, outputs in distinct_columns(visible)}
    assert groups == {(True, False): [0, 2], (True, True): [1]}
