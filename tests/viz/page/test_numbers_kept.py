"""The page in a real browser. Numbers of any size are what they were, or 0 where they are too small to tell."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_html
from wherefrom_viz.describe.numbers import number_style
from wherefrom_viz.page import quantisation
from wherefrom_viz.page.quantisation import Precision, from_planes, to_planes

from tests.viz.page.reader import Open, exported

pytestmark = pytest.mark.browser


def drawn(one: Attribution, precision: Precision) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return render_html(one, view="matrix", precision=precision)


def sized(make: Callable[..., Attribution], *sizes: float) -> Attribution:
    """A result whose first column has these scores, and whose step score has two of them."""
    texts = [*(f" {letter}" for letter in "abcdefgh"[: len(sizes)]), " x", " y"]
    scores = np.zeros((len(texts), 2))
    scores[: len(sizes)] = np.array(sizes)[:, None] * [1.0, 0.5]
    one = make(texts, len(sizes), id="sized")
    return one.replace(target_attributions=scores, step_scores={"perplexity": np.array(sizes[:2])})


@pytest.mark.parametrize("precision", ["display", "compact", "exact"])
@pytest.mark.parametrize("largest", [4e38, 3e300, 3e-60, 3e-310, 4e-323])
def test_scores_beyond_single_precision_are_shown(
    open_page: Open, make: Callable[..., Attribution], largest: float, precision: Precision
) -> None:
    sizes = (largest, largest / 2, -largest / 4)
    page = open_page(drawn(sized(make, *sizes), precision), hash_="#tab=matrix")
    assert "n/a" not in page.locator(".legend").inner_text()
    assert float(page.locator(".legend .scale").get_attribute("data-bound") or "nan") == pytest.approx(largest)
    assert page.locator("td[data-r='0'][data-c='0']").inner_text() == number_style(largest)(largest, plus=False)
    found = json.loads(exported(page)["JSON"])
    error = 0.005 if precision == "compact" else 1e-5
    assert [row[0] for row in found["scores"][:3]] == pytest.approx(list(sizes), rel=error, abs=error * largest)
    assert found["step_scores"]["perplexity"] == pytest.approx(sizes[:2])


def test_scores_too_small_beside_their_columns_largest_are_nothing(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    page = open_page(drawn(sized(make, 1.0, 1e-13, -1e-14, 1e-15, 1e-300), "display"), hash_="#tab=matrix")
    found = [row[0] for row in json.loads(exported(page)["JSON"])["scores"]]
    assert found[:5] == [pytest.approx(1), pytest.approx(1e-13, rel=5e-3), 0, 0, 0]
    page.locator("td[data-r='3'][data-c='0']").hover()
    assert page.locator(".status").inner_text() == "d does not change x: 0"


@pytest.mark.parametrize("fine", [False, True])
def test_all_that_is_kept_is_near_and_in_order(fine: bool) -> None:
    scores = np.ldexp(1.0, -np.arange(60.0).astype(int))[:, None] * np.array([[1.0, -1e-320, 1e300, 1e-290]])
    planes, scales = to_planes(scores, "display", fine=fine)
    found = from_planes(b"".join(planes), scales, len(scores), "display")
    kept = np.abs(scores) >= quantisation._LEAST * np.abs(scores).max(axis=0)
    kept[15:, 1] = False  # less than double precision tells apart
    np.testing.assert_allclose(found[kept], scores[kept], rtol=5e-3)
    assert (found[46:] == 0).all()


@pytest.mark.parametrize("precision", ["display", "compact", "exact"])
def test_the_largest_numbers_there_are_come_back(precision: Precision) -> None:
    most = np.finfo(np.float64).max
    scores = np.array([[most, np.finfo(np.float32).max, np.finfo(np.float32).tiny], [-most, 1.0, 0.0]])
    planes, scales = to_planes(scores, precision)
    found = from_planes(b"".join(planes), scales, 2, precision)
    np.testing.assert_allclose(found[0], scores[0], rtol=1e-6)
