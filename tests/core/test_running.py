"""Means and variances that are added up are those of all together."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.arrays import FloatArray
from wherefrom.methods.sampling.moments import Moments
from wherefrom.methods.sampling.running import Mean, Variance


@pytest.mark.parametrize("far", [0.0, 1e6])
def test_of_all_together(far: float) -> None:
    samples = np.random.default_rng(0).normal(size=(7, 3, 2)) + far
    mean, squares, variance = Mean(), Mean(power=2), Variance()
    for one in samples:
        for gathered in (mean, squares, variance):
            gathered.add(one.copy())
    np.testing.assert_allclose(mean.value(), samples.mean(0), rtol=1e-13)
    np.testing.assert_allclose(squares.value(), (samples**2).mean(0), rtol=1e-13)
    np.testing.assert_allclose(variance.value(), samples.var(0, ddof=1), rtol=1e-7)


def test_what_was_added_is_not_changed() -> None:
    samples = [np.full(2, float(value)) for value in (1, 4, 9)]
    for gathered in (Mean(), Mean(power=2), Variance()):
        for one in samples:
            gathered.add(one)
        gathered.value()
    assert [one.tolist() for one in samples] == [[1.0, 1.0], [4.0, 4.0], [9.0, 9.0]]


def test_standard_errors_of_shares_do_not_hang_on_how_large_they_are() -> None:
    samples = np.random.default_rng(1).normal(scale=0.01, size=(20, 2, 3))

    def errors(far: float) -> FloatArray:
        moments = Moments(outputs=2)
        for stretch, sample in enumerate(far + samples):
            for output in range(2):
                shares = {"target": [sample[output][:, None].copy()]}
                moments.add(shares, np.array([output]), stretch, len(samples))
        np.testing.assert_allclose(
            moments.token_means()["target"], far + samples.transpose(0, 2, 1).mean(0), rtol=1e-13 if far else 1e-9
        )
        assert not moments.within(1e-12)
        return moments.standard_errors()["target"]

    np.testing.assert_allclose(errors(1e8), errors(0.0), rtol=1e-5)
    assert ((errors(0.0) > 0.001) & (errors(0.0) < 0.005)).all(), "some 0.01 by the root of 20"
