"""The page in a real browser. What an address may hold: nothing in it keeps the page from starting."""

from __future__ import annotations

import pytest
from wherefrom.results.attribution import Attributions
from wherefrom_viz import render_html

from tests.viz.page.reader import Open, Page, expect

pytestmark = pytest.mark.browser


def go(page: Page, address: str) -> None:
    page.evaluate("hash => { location.hash = hash }", address)


def test_names_that_every_object_has_are_no_settings(open_page: Open, everyone: Attributions) -> None:
    for name in ("constructor", "__proto__"):
        page = open_page(render_html(everyone), hash_=f"#{name}=3&ex=2")
        assert page.locator(".place").inner_text() == "2 of 4"
    for place, name in enumerate(("constructor", "toString", "__proto__", "hasOwnProperty"), 1):
        go(page, f"{name}=1&ex={place}")
        expect(page.locator(".place")).to_have_text(f"{place} of 4")


def test_an_example_that_is_no_number_of_one_is_the_first(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone), hash_="#ex=1.5")
    assert page.locator(".outputs .tok").count() > 0
    for number in ("1.5", "2.0", "1e0", "0x2", "+2", "-2", "0", "two", "NaN", "Infinity", "", "5", "99"):
        go(page, "ex=2")
        expect(page.locator(".place")).to_have_text("2 of 4")
        go(page, f"ex={number}")
        expect(page.locator(".place"), number).to_have_text("1 of 4")


@pytest.mark.parametrize("key", ["tok", "row"])
def test_tokens_that_are_no_numbers_of_any_are_not_pinned(open_page: Open, everyone: Attributions, key: str) -> None:
    page = open_page(render_html(everyone))
    for number in ("1.5", "1e0", "0x1", "", "1-1.5", "1-", "-1", "1-2-3", "1--2", "0"):
        go(page, f"{key}=2")
        expect(page.locator(".picked")).to_have_count(1)
        go(page, f"{key}={number}")
        expect(page.locator(".picked"), number).to_have_count(0)


def test_an_example_to_compare_with_is_one_that_there_is(open_page: Open, everyone: Attributions) -> None:
    html = render_html([everyone[0], everyone[0].replace(id="again"), everyone[0].replace(id="third")])
    page = open_page(html)
    for number in ("1.5", "2.9", "0x3", "99"):
        go(page, "tab=compare&b=3")
        expect(page.locator(".compare select")).to_have_value("2")
        go(page, f"tab=compare&b={number}")
        expect(page.locator(".compare select"), number).to_have_value("1")
    go(page, "tab=compare&b=1.5&x=1")
    page.keyboard.press("x")
    assert page.evaluate("location.hash") == "#tab=compare"
