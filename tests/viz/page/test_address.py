"""The page in a real browser. What an address may hold: nothing in it keeps the page from starting."""

from __future__ import annotations

import pytest
from wherefrom.results.attribution import Attributions
from wherefrom_viz import render_html

from tests.viz.page.reader import Open

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"])
def test_names_that_every_object_has_are_no_settings(open_page: Open, everyone: Attributions, name: str) -> None:
    page = open_page(render_html(everyone), hash_=f"#{name}=3&ex=2")
    assert page.locator(".place").inner_text() == "2 of 4"
    page.evaluate("name => { location.hash = `${name}=1&ex=3` }", name)
    page.wait_for_selector(".place >> text=3 of 4")


@pytest.mark.parametrize("number", ["1.5", "2.0", "1e0", "0x2", "+2", "-2", "0", "two", "NaN", "Infinity", ""])
def test_an_example_that_is_no_number_of_one_is_the_first(open_page: Open, everyone: Attributions, number: str) -> None:
    page = open_page(render_html(everyone), hash_=f"#ex={number}")
    assert page.locator(".place").inner_text() == "1 of 4"
    assert page.locator(".outputs .tok").count() > 0


@pytest.mark.parametrize("number", ["1.5", "1e0", "0x1", "", "1-1.5", "1-", "-1", "1-2-3", "1--2", "0"])
def test_tokens_that_are_no_numbers_of_any_are_not_pinned(open_page: Open, everyone: Attributions, number: str) -> None:
    for key in ("tok", "row"):
        page = open_page(render_html(everyone), hash_=f"#{key}={number}")
        assert page.locator(".picked").count() == 0, key


@pytest.mark.parametrize("number", ["1.5", "2.9", "0x2", "99"])
def test_an_example_to_compare_with_is_one_that_there_is(open_page: Open, everyone: Attributions, number: str) -> None:
    html = render_html([everyone[0], everyone[0].replace(id="again"), everyone[0].replace(id="third")])
    page = open_page(html, hash_=f"#tab=compare&b={number}")
    assert page.locator(".compare select").input_value() == "1"
    page.keyboard.press("x")
    assert f"b={number}" not in page.evaluate("location.hash") or number == "99"
