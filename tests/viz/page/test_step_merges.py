"""The page in a real browser. Step scores merge over units as they do in Python, each example's in its own way."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from wherefrom.results.aggregators import AGGREGATION_FUNCTIONS, list_aggregation_functions
from wherefrom.results.aggregators.merging import NOT_MERGED
from wherefrom.results.attribution import Attribution
from wherefrom_viz import compare, describe, render_html

from tests.viz.page.reader import Open, Page, exported

pytestmark = pytest.mark.browser

HOME = AGGREGATION_FUNCTIONS.get("sum").__module__
"""Others are registered by whoever has a way of his own; the page cannot know them."""
TEXTS = ("a", " b", "c", "d", " e")
"""Two words of output: of three tokens and of one."""


def scored(make: Callable[..., Attribution], ways: dict[str, str], values: tuple[float, ...]) -> Attribution:
    """A result with a step score for each name, and how that merges."""
    steps = {name: np.array(values, dtype=np.float32) for name in ways}
    return make(list(TEXTS), 1, id="scored", step_scores=steps, step_aggregation=ways)


def shown(page: Page) -> list[list[float]]:
    """The step scores of each unit, as the table of steps has them."""
    lines = page.locator(".steps tbody tr").all()
    cells = [line.locator("td.number").all_inner_texts()[1:] for line in lines]
    return [[np.nan if cell == "n/a" else float(cell) for cell in line] for line in cells]


@pytest.mark.parametrize("values", [(-0.5, 0.25, 0.5, -0.7), (0.5, 0.25, -0.5, 0.7), (2.0, 3.0, 4.0, 5.0)])
def test_every_function_that_merges_is_known_to_the_page(
    open_page: Open, make: Callable[..., Attribution], values: tuple[float, ...]
) -> None:
    ours = [name for name in list_aggregation_functions() if AGGREGATION_FUNCTIONS.get(name).__module__ == HOME]
    assert {"sum", "mean", "absmax", "prod", "vnorm"} <= set(ours)
    ways = {name: name for name in ours} | {"unknown": "nobody's", "inherited": "constructor", "difference": NOT_MERGED}
    one = scored(make, ways, values)
    page = open_page(render_html(one), hash_="#tab=steps&g=word")
    expected = describe(one, granularity="word").step_scores
    assert [name for name, (several, _) in expected.items() if np.isnan(several)] == [
        "unknown",
        "inherited",
        "difference",
    ]
    np.testing.assert_allclose(np.array(shown(page)).T, list(expected.values()), rtol=5e-3)


def test_a_tie_of_magnitudes_goes_to_the_first(open_page: Open, make: Callable[..., Attribution]) -> None:
    for values, first in (((-0.5, 0.25, 0.5, 0.1), -0.5), ((0.5, 0.25, -0.5, 0.1), 0.5)):
        one = scored(make, {"mine": "absmax"}, values)
        page = open_page(render_html(one), hash_="#tab=steps&g=word&m=absmax")
        assert shown(page)[0] == [first]
        scores = np.array(one.target_attributions)
        scores[0] = values
        page = open_page(render_html(one.replace(target_attributions=scores)), hash_="#tab=matrix&g=word&m=absmax")
        assert float(page.locator("td[data-r='0'][data-c='0']").inner_text()) == first


def test_each_example_merges_in_its_own_way(open_page: Open, make: Callable[..., Attribution]) -> None:
    values = (0.5, 0.5, 0.5, 0.5)
    examples = [scored(make, {"mine": way}, values).replace(id=way) for way in ("sum", "prod", "max")]
    page = open_page(render_html(examples), hash_="#tab=steps&g=word")
    for place, expected in enumerate((1.5, 0.125, 0.5), 1):
        page.evaluate("place => { location.hash = `#tab=steps&g=word&ex=${place}` }", place)
        page.wait_for_selector(f".place >> text={place} of 3")
        assert shown(page) == [[expected], [0.5]]


def test_a_way_that_only_python_knows_gives_no_wrong_number(
    open_page: Open, make: Callable[..., Attribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AGGREGATION_FUNCTIONS, "_entries", {**AGGREGATION_FUNCTIONS._entries, "range": np.ptp})
    page = open_page(render_html(scored(make, {"mine": "range"}, (1, 2, 3, 4))), hash_="#tab=steps&g=word")
    assert page.locator(".steps td.number").all_inner_texts() == ["1", "n/a", "2", "4"]


def test_names_that_every_object_has_are_names_of_step_scores(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    names = ["__proto__", "constructor", "toString"]
    one = scored(make, dict.fromkeys(names, "sum"), (1, 2, 3, 4))
    page = open_page(render_html(one), hash_="#tab=steps&g=word")
    assert page.locator(".steps thead button").all_inner_texts()[2:] == names
    assert shown(page) == [[6.0] * 3, [4.0] * 3]


def test_a_comparison_merges_step_scores_as_python_does(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = scored(make, {"mine": "sum"}, (1, 2, 3, 4)).replace(id="one")
    other = make(["a", " bcd", " e"], 1, id="other", step_scores={"mine": np.array([5, 6])})
    page = open_page(render_html([one, other], view="compare"), hash_="#cm=a")
    found = page.locator(".compare tfoot tr", has_text="mine").locator("td.step .number").all_inner_texts()
    assert [float(text) for text in found] == compare(one, other).a.step_scores["mine"].tolist() == [6, 4]
    assert json.loads(exported(page)["JSON"])["outputs"] == ["bcd", "e"]
