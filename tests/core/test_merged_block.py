"""A block of scores as one number: a unit of inputs and a unit of steps together."""

from __future__ import annotations

import numpy as np
import pytest
import wherefrom
from wherefrom.results.aggregators import merging
from wherefrom.results.aggregators.functions import AGGREGATION_FUNCTIONS
from wherefrom.results.aggregators.merging import groups_of, merged_block

from tests.core.made import attribution
from tests.registered import nothing_stays

SCORES = np.array([[1.0, 0.0], [2.0, 3.0], [4.0, 5.0]])
SEEN = np.array([[True, False], [True, True], [True, True]])


@pytest.mark.parametrize("how, alone, shared", [("mean", 3, 5), ("max", 5, 8), ("sum", 15, 15), ("absmax", 5, 8)])
def test_all_cells_of_a_block_count_alike_and_shares_as_one(how: str, alone: float, shared: float) -> None:
    """The mean of five cells, not of the means of rows; of three, where the last two rows are shares of one score."""
    whole = ([(0, 3)], [(0, 2)])
    assert merged_block(SCORES, *whole, how, SEEN).item() == alone
    assert merged_block(SCORES, *whole, how, SEEN, [0, 1, 1]).item() == shared


def test_shares_in_two_blocks_are_two() -> None:
    merged = merged_block(SCORES, [(0, 2), (2, 3)], [(0, 1), (1, 2)], "max", SEEN, [0, 1, 1])
    np.testing.assert_array_equal(merged, [[2, 3], [4, 5]])


@pytest.mark.parametrize("how", ["mean", "sum", "prod", "max", "min", "absmax", "vnorm"])
@pytest.mark.parametrize("sizes", [(), (3,), (2, 3)])
@pytest.mark.parametrize("cells", [1, 1 << 22])
def test_each_block_is_what_its_function_makes_of_its_cells(
    how: str, sizes: tuple[int, ...], cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are merged at once."""
    monkeypatch.setattr(merging, "_CELLS_AT_ONCE", cells)
    rng = np.random.default_rng(0)
    scores, seen = rng.normal(size=(9, 7, *sizes)), rng.random((9, 7)) < 0.6
    rows, columns = groups_of([(0, 3), (4, 6), (6, 8)], 9), groups_of([(1, 3), (3, 6)], 7)
    merged = merged_block(scores, rows, columns, how, seen)
    assert merged.shape == (len(rows), len(columns), *sizes)
    for row, (top, bottom) in enumerate(rows):
        for column, (left, right) in enumerate(columns):
            here = scores[top:bottom, left:right][seen[top:bottom, left:right]]
            if bottom - top > 1 or right - left > 1:
                function = AGGREGATION_FUNCTIONS.get(how)
                wanted = function(here, 0, np.ones(here.shape, dtype=bool)) if len(here) else np.zeros(sizes)
                np.testing.assert_allclose(merged[row, column], wanted, rtol=1e-12)


def test_a_function_of_ones_own_gets_the_block() -> None:
    def median(values: np.ndarray, axis: int, where: np.ndarray) -> np.ndarray:
        return np.asarray(np.nanmedian(np.where(where, values, np.nan), axis=axis))

    with nothing_stays():
        wherefrom.register_aggregation_function(median, "median of a block")
        assert merged_block(SCORES, [(0, 3)], [(0, 2)], "median of a block", SEEN).item() == 3


def test_the_mean_of_a_sentence_in_itself_is_of_the_cells_that_there_are() -> None:
    """A generated sentence sees but a part of itself: later steps see more inputs, which do not count for less."""
    one = attribution(None, ["a", ".", " b", " c", " d", "."], 2)
    merged = one.aggregate("sentences", aggregate_fn="mean")
    assert [token.text for token in merged.steps] == [" b c d."]
    seen = one.target_visible
    cells = np.asarray(one.target_attributions)[2:][seen[2:]]
    assert len(cells) == 6
    np.testing.assert_allclose(merged.target_attributions[1, 0], cells.mean(), rtol=1e-6)
