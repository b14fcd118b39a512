"""Interactions of order 2: nothing where units add up, exact for AND and OR, found under noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError
from wherefrom.methods import Interactions
from wherefrom.methods.perturbation.ablation import AblationTable
from wherefrom.methods.perturbation.coalitions import all_coalitions
from wherefrom.methods.perturbation.pair_fit import PairFit, pairs_among, shares_of, strongest
from wherefrom.methods.perturbation.units import Unit, Units
from wherefrom.progress import no_progress
from wherefrom.results.attribution import Attribution
from wherefrom.results.pairs import DETAIL, pair_table, top_pairs

from tests.core.games import game
from tests.core.made import attribution

INDICES = ("fbii", "fsii")


def units_of(count: int, outputs: int = 1) -> Units:
    members = tuple(Unit(side="target", start=index, end=index + 1) for index in range(count))
    return Units(
        members=members, steps=np.arange(count, count + outputs), source_length=None, target_length=count + outputs
    )


def fitted(index: str, masks: Any, values: Any) -> tuple[np.ndarray, np.ndarray, dict[tuple[int, int], float]]:
    """Shares of the units, what they are alone, and pairs."""
    count = masks.shape[1]
    pairs = pairs_among(np.arange(count))
    solved = PairFit(index, pairs).solve(masks, values[:, None], np.ones((count, 1), bool), units_of(count))[:, 0]  # type: ignore[arg-type]
    named = {(int(i), int(j)): float(score) for (i, j), score in zip(pairs, solved[count:], strict=True)}
    return shares_of(solved[:, None], pairs)[:, 0], solved[:count], named


@pytest.mark.parametrize("index", INDICES)
def test_units_that_add_up_do_not_interact(index: str) -> None:
    masks = all_coalitions(5)
    worth = np.array([3.0, -1.0, 0.5, 2.0, 0.0])
    shares, alone, pairs = fitted(index, masks, masks @ worth + 7)
    np.testing.assert_allclose(shares, worth, atol=1e-10)
    np.testing.assert_allclose(alone, worth, atol=1e-10)
    assert max(map(abs, pairs.values())) < 1e-10


@pytest.mark.parametrize("index", INDICES)
def test_and_and_or_are_exact(index: str) -> None:
    masks = all_coalitions(5)
    both = 2.0 * (masks[:, 0] & masks[:, 1])
    either = 1.5 * (masks[:, 2] | masks[:, 3])
    shares, alone, pairs = fitted(index, masks, both + either)
    assert pairs.pop((0, 1)) == pytest.approx(2.0)
    assert pairs.pop((2, 3)) == pytest.approx(-1.5)
    assert max(map(abs, pairs.values())) < 1e-10
    np.testing.assert_allclose(alone, [0, 0, 1.5, 1.5, 0], atol=1e-10)
    np.testing.assert_allclose(shares, [1, 1, 0.75, 0.75, 0], atol=1e-10)


@pytest.mark.parametrize("index", INDICES)
def test_they_are_found_under_noise(index: str) -> None:
    """Noisy rows, 12 units: +2, -1.5, nothing else of size. The Shapley kernel draws few coalitions of middle size."""
    rng = np.random.default_rng(0)
    masks = Interactions(index=index, n_samples=160 if index == "fbii" else 800).plan(units_of(12), rng)  # type: ignore[arg-type]
    values = 2.0 * (masks[:, 1] & masks[:, 7]) + 1.5 * (masks[:, 3] | masks[:, 4]) + 0.01 * rng.normal(size=len(masks))
    values[0] = 3.5
    _, _, pairs = fitted(index, masks, values)
    assert pairs.pop((1, 7)) == pytest.approx(2.0, abs=0.1)
    assert pairs.pop((3, 4)) == pytest.approx(-1.5, abs=0.1)
    assert max(map(abs, pairs.values())) < 0.1


def test_the_shapley_index_keeps_the_sum() -> None:
    masks = all_coalitions(6)
    rng = np.random.default_rng(1)
    values = rng.normal(size=len(masks))
    shares, _, _ = fitted("fsii", masks, values)
    assert shares.sum() == pytest.approx(values[0] - values[-1])


def test_the_banzhaf_index_is_least_squares_over_all_coalitions() -> None:
    """Of order 2, a pair's index is the mean over coalitions of its discrete second derivative, less higher orders."""
    masks = all_coalitions(4)
    worth = {
        tuple(mask): value for mask, value in zip(masks.tolist(), np.random.default_rng(2).normal(size=16), strict=True)
    }
    _, _, pairs = fitted("fbii", masks, np.array([worth[tuple(mask)] for mask in masks.tolist()]))
    for (i, j), score in pairs.items():
        total = 0.0
        for mask in masks.tolist():
            for first in (False, True):
                for second in (False, True):
                    if mask[i] == first and mask[j] == second:
                        total += (1 if first == second else -1) * worth[tuple(mask)]
        assert score == pytest.approx(total / 4)


def test_an_output_sees_only_what_is_before_it() -> None:
    masks = all_coalitions(4)
    values = np.stack([masks[:, 0] & masks[:, 1], masks[:, 2] & masks[:, 3]], axis=1).astype(float)
    visible = np.array([[True, True], [True, True], [False, True], [False, True]])
    pairs = pairs_among(np.arange(4))
    solved = PairFit("fbii", pairs).solve(masks, values, visible, units_of(4, 2))
    table = {(int(i), int(j)): row for (i, j), row in zip(pairs, solved[4:], strict=True)}
    np.testing.assert_allclose(table[0, 1], [1, 0], atol=1e-10)
    np.testing.assert_allclose(table[2, 3], [0, 1], atol=1e-10)


def test_the_strongest_units_are_those_of_any_output() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 0.001], [0.1, 0.0001]])
    assert strongest(scores, 2).tolist() == [0, 1]


# the method


def asked(worth: Any, count: int = 4, **settings: Any) -> Any:
    model, question = game(worth, count)
    (scores,) = Interactions(**{"baseline": "unk", **settings}).attribute(model, [question], no_progress)
    return scores, model


def made(scores: Any) -> Attribution:
    return attribution(None, ["a", "b"], 1, details=dict(scores.details))


@pytest.mark.parametrize("index", INDICES)
def test_the_method_tells_pairs(index: str) -> None:
    scores, model = asked(lambda there: 2.0 * float(there[0] and there[2]), index=index)
    assert len(model.ran) == 16
    (first, *_) = top_pairs(made(scores))
    assert (first.first.start, first.second.start) == (0, 2)
    assert first.score == pytest.approx(2.0)
    assert first.standard_error is None, "all coalitions were run"
    np.testing.assert_allclose(np.asarray(scores.target)[:4, 0], [1, 0, 1, 0], atol=1e-6)


def test_errors_come_with_draws_and_are_true_to_the_noise() -> None:
    scores, _ = asked(lambda there: 2.0 * float(there[0] and there[7]) + float(there[3]), count=12, n_samples=200)
    table = pair_table(made(scores))
    assert table is not None
    assert table.among == 12
    (first, *_) = top_pairs(made(scores))
    assert first.standard_error is not None
    assert first.low is not None
    assert first.high is not None
    assert first.low <= 2.0 + 1e-6
    assert first.high >= 2.0 - 1e-6


def test_too_few_samples_fit_fewer_pairs_and_say_so() -> None:
    scores, _ = asked(lambda there: 2.0 * float(there[0] and there[7]) + float(there[3]), count=12, n_samples=60)
    assert scores.details[DETAIL]["among"] < 12
    assert any("strongest" in note for note in scores.warnings)
    with pytest.raises(SettingsError, match="n_samples"):
        asked(lambda there: float(there[0]), count=12, n_samples=16)


def test_one_unit_has_no_pair_and_no_setting_that_would_fit_more() -> None:
    scores, _ = asked(lambda there: float(there[0]), count=1)
    (note,) = scores.warnings
    assert note == "interactions: the input is one unit, so there is no pair. Use smaller units (units='token')."


@pytest.mark.parametrize("samples, seed", [(16, 0), (44, 0), (44, 3)])
def test_as_many_samples_as_are_advised_do(samples: int, seed: int) -> None:
    """Small and large coalitions are drawn more than once: it takes more draws than different ones."""
    settings: dict[str, Any] = {"index": "fsii", "count": 20, "units": "token", "seed": seed}
    with pytest.raises(SettingsError, match=r"44 are needed.*Use n_samples=88"):
        asked(lambda there: float(there[0]), n_samples=samples, **settings)
    scores, _ = asked(lambda there: float(there[0]), n_samples=88, **settings)
    assert scores.details[DETAIL]["pairs"]


@pytest.mark.parametrize("seed", range(4))
def test_resamples_fit_the_pairs_of_the_whole_sample(seed: int) -> None:
    """A resample has fewer distinct coalitions than pairs need; which pairs there are is decided before."""
    scores, _ = asked(lambda there: 2.0 * float(there[0] and there[6]), count=7, n_samples=24, seed=seed)
    table = pair_table(made(scores))
    assert table is not None
    assert np.isfinite(table.standard_error).all()
    assert np.shape(table.standard_error) == np.shape(table.scores)


def test_samples_are_added_until_units_are_sure() -> None:
    def worth(there: Any) -> float:
        return float(there[0]) + float(there[1] and there[7])

    rough, _ = asked(worth, count=12, n_samples="auto", tolerance=10.0)
    sure, _ = asked(worth, count=12, n_samples="auto", tolerance=0.03)
    assert rough.details["samples"] < sure.details["samples"]


def test_a_table_answers_other_spans_without_a_pass() -> None:
    """Two steps, one table: pairs of each and of both together, from the same rows."""
    masks = all_coalitions(3)
    units = units_of(3, 2)
    both, either = (masks[:, 0] & masks[:, 1]).astype(float), (masks[:, 1] | masks[:, 2]).astype(float)
    table = AblationTable(
        units=units,
        baseline="unk",
        masks=masks,
        values={"log_probability": np.stack([both, either], axis=1)},
        clean={"log_probability": np.array([1.0, 1.0])},
    )
    pairs = pairs_among(np.arange(3))
    fit = PairFit("fbii", pairs)
    apart = table.solve(fit)
    together = table.solve(fit, spans=[(3, 5)])
    np.testing.assert_allclose(together[:, 0], apart.sum(axis=1), atol=1e-10)
    assert apart[3 + 0, 0] == pytest.approx(1.0)
    assert apart[3 + 2, 1] == pytest.approx(-1.0)


def test_results_without_pairs_say_what_to_ask() -> None:
    with pytest.raises(InputError, match="method='interactions'"):
        top_pairs(attribution(None, ["a", "b"], 1))


@pytest.mark.parametrize(
    "damage", [{"pairs": [[0, 9]]}, {"scores": [[1.0], [2.0], [3.0, 4.0]]}, {"units": 3}, {"scores": []}]
)
def test_damaged_pairs_are_refused(damage: dict[str, Any]) -> None:
    scores, _ = asked(lambda there: float(there[0] and there[1]), count=3)
    details = {**scores.details, DETAIL: {**scores.details[DETAIL], **damage}}
    with pytest.raises(InputError, match="pairs in this result's details"):
        pair_table(attribution(None, ["a", "b"], 1, details=details))
