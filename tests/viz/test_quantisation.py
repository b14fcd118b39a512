"""What a page keeps of scores: order, ties and three digits, in every column on its own."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom.files.summaries import summarized
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.comparison import spearman_by_step
from wherefrom_viz import save_site
from wherefrom_viz.page.packing import from_base85, pack, to_base85, unpack
from wherefrom_viz.page.quantisation import Precision, from_planes, to_planes

from tests.core.made import attribution
from tests.viz.conftest import marked_chat

shapes = st.tuples(st.integers(1, 40), st.integers(1, 6))


def kept(scores: np.ndarray, precision: Precision = "display") -> np.ndarray:
    planes, scales = to_planes(scores, precision)
    return from_planes(b"".join(planes), scales, len(scores), precision).astype(np.float64)


@st.composite
def wide_scores(draw: st.DrawFn) -> np.ndarray:
    """Scores of which each column is a thousandth, a millionth, ... of others, with ties and zeros."""
    rows, columns = draw(shapes)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = random.normal(size=(rows, columns)) * 10.0 ** random.uniform(-6, 0, size=(1, columns))
    scores *= 10.0 ** random.uniform(-draw(st.sampled_from([0, 1, 6])), 0, size=(rows, columns))
    scores[random.random((rows, columns)) < 0.2] = 0.0
    if rows > 1:
        scores[0] = scores[-1] * random.choice([1.0, -1.0])
    return scores


@given(wide_scores(), st.integers(0, 2**32))
def test_order_and_agreement_survive_scores_that_span_a_millionth_to_one(scores: np.ndarray, seed: int) -> None:
    found = kept(scores)
    for column in range(scores.shape[1]):
        for exact, packed in ((scores[:, column], found[:, column]), (abs(scores[:, column]), abs(found[:, column]))):
            signs = np.sign(exact[:, None] - exact[None, :])
            np.testing.assert_array_equal(np.sign(packed[:, None] - packed[None, :]), signs)
    other = np.random.default_rng(seed).normal(size=scores.shape)
    everything = np.ones(scores.shape, dtype=bool)
    np.testing.assert_array_equal(
        spearman_by_step(found, kept(other), everything), spearman_by_step(scores, other, everything)
    )


@given(wide_scores())
def test_shares_keep_three_digits(scores: np.ndarray) -> None:
    found = kept(scores)
    largest = np.abs(scores).max(axis=0, keepdims=True)
    worth = np.abs(scores) > largest / 30_000
    np.testing.assert_allclose(found[worth], scores[worth], rtol=5e-4)
    totals = np.where(largest > 0, np.abs(scores).sum(axis=0, keepdims=True), 1)
    sums = np.where(largest > 0, np.abs(found).sum(axis=0, keepdims=True), 1)
    np.testing.assert_allclose(found / sums, scores / totals, atol=5e-4)


def test_even_a_crowd_of_near_ties_keeps_its_order() -> None:
    scores = (1 + np.arange(5_000)[:, None] * 1e-9) * np.array([[1.0, -1e-6, 1e-30]])
    found = kept(scores)
    assert (np.diff(found[:, 0]) > 0).all()
    assert (np.diff(found[:, 1]) < 0).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("precision", ["display", "compact", "exact"])
def test_the_largest_of_each_column_is_what_it_was(precision: Precision) -> None:
    scores = np.array([[0.5, -3e-5, 0.0], [0.25, 1e-5, 0.0]])
    np.testing.assert_allclose(kept(scores, precision)[0], scores[0], rtol=1e-6)
    assert (kept(scores, precision)[:, 2] == 0).all()


def line_of(one: Attribution) -> list[Any]:
    """How a page lists an example: title, text, inputs, outputs, mean probability."""
    (line,) = json.loads(zlib.decompress(from_base85(pack([(one, one.provenance)]).index)))
    return list(line)


def test_a_page_lists_an_example_as_every_list_does() -> None:
    one = marked_chat(3).replace(step_scores={"probability": np.array([0.5, np.nan, 0.7])})
    summary = summarized(one)
    assert line_of(one) == ["", "What? Go on on", summary.inputs, summary.steps, None]
    known = one.replace(step_scores={"probability": np.array([0.5, 0.6, 0.7])})
    assert line_of(known)[-1] == summarized(known).scores["probability"] == pytest.approx(0.6)


def digits_off(block: bytes, one: Attribution) -> float:
    """How far a page's scores are from those of a result of one side, as shares of the largest."""
    ((_, scores),) = unpack(to_base85(block))
    exact = np.asarray(one.target_attributions, dtype=np.float64)
    return float(np.abs(scores - exact).max() / np.abs(exact).max())


@pytest.mark.parametrize("start, few", [(60, True), (20, False)])
def test_up_to_a_hundred_thousand_scores_have_five_digits(start: int, few: bool, tmp_path: Path) -> None:
    one = attribution(None, [" a"] * 330, start)
    one = one.replace(aggregations=one.default_aggregation)
    assert one.cells == np.size(one.target_attributions)
    assert few == (one.cells <= 100_000)
    page = from_base85(pack([(one, one.provenance)]).blocks[0])
    folder = save_site(Attributions(sequence_attributions=(one,)), tmp_path / "site")
    off = [digits_off(block, one) for block in (page, (folder / "examples" / "0.bin").read_bytes())]
    assert max(off) < 1e-5 if few else min(off) > 1e-4


def test_each_score_is_counted_once() -> None:
    both = attribution(["x", " y"], ["<s>", " a", " b"], 1)
    assert both.cells == (2 + 3) * 2
    assert both.replace(target_attributions=None).cells == 2 * 2
    assert attribution(None, ["a", " b", " c"], 1, sizes=(4,)).cells == 3 * 2
