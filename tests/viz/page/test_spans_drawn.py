"""The page in a real browser. Spans that a reader draws."""

from __future__ import annotations

import re

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_html

from tests.viz.page.reader import VIEWS, Open, expect, output, show

pytestmark = pytest.mark.browser


HOSTILE_NAME = "<img src=x onerror=alert(1)>\u202e!~&#</script>"


def test_spans_are_drawn_named_and_removed_with_the_mouse(open_page: Open, hospital: Attribution) -> None:
    html = render_html([hospital, hospital.replace(id="again", method="again")])
    page = open_page(html)
    page.locator(".inputs .tok", has_text="George").click()
    page.locator(".inputs .tok", has_text="sick").click(modifiers=["Shift"])
    page.get_by_role("button", name="Make it a unit").click()
    assert page.locator("[data-key=g]").input_value() == "span"
    field = page.get_by_label("Name of the span George was sick")
    assert field.evaluate("e => e.getRootNode().activeElement === e")
    field.fill("the reason")
    field.press("Enter")
    assert page.locator(".tok.drawn").inner_text().replace("\n", "") == "the reasonGeorge was sick"
    output(page, "hospital").click()
    total = float(np.asarray(hospital.target_attributions)[:3, 2].sum())
    expect(page.locator(".card li").first).to_have_text(re.compile(rf"^the reason\s*{re.escape(f'+{total:.3g}')}"))
    output(page, "the").click(modifiers=["Shift"])
    page.get_by_role("button", name="Make a span").click()
    page.keyboard.press("Escape")
    expect(page.locator(".tok.drawn")).to_have_count(2)
    assert page.evaluate("location.hash") == "#g=span&sp=1t1-3~the%20reason!1t13-14"
    for tab, names in (
        ("matrix", ".matrix thead th"),
        ("steps", ".steps button.token"),
        ("compare", ".compare button.token"),
    ):
        show(page, tab)
        assert page.locator(names).all_inner_texts() == ["to", "the hospital", "."], tab
    assert "the reason" in page.locator(".compare td.chips").nth(3).inner_text()
    show(page, "read")
    page.get_by_role("button", name="Remove the span the reason").click()
    expect(page.locator(".tok.drawn")).to_have_count(1)
    expect(page.locator("[aria-live]")).to_have_text("The span is removed.")
    page = open_page(html, hash_=page.evaluate("location.hash"))
    assert page.locator(".tok.drawn").inner_text() == "the hospital"


def test_spans_are_drawn_from_the_keyboard_and_cleared(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    for key in ("s", "ArrowRight", "Shift+ArrowRight", "s"):
        page.keyboard.press(key)
    page.keyboard.type("come?")
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    page.wait_for_selector(".matrix table")
    assert page.locator(".matrix thead th").all_inner_texts() == ["come?", "hospital", "."]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    assert page.locator(".spans .own").count() == 2
    page.get_by_role("button", name="Clear all").press("Enter")
    assert page.locator(".spans .own").count() == 0
    assert page.locator(".matrix thead th").count() == 4
    assert page.evaluate("location.hash") == "#tab=matrix&g=span&sp=1"


def test_spans_that_came_with_the_result_are_there(open_page: Open, chat: Attribution) -> None:
    html = render_html(chat, granularity="span", spans=[("target", 0, 6, "question"), ("target", 7, 11)])
    page = open_page(html)
    assert page.locator(".tok.drawn").count() == 2
    assert page.locator(".tok.drawn .tag").all_inner_texts() == ["question"]
    assert [field.input_value() for field in page.locator(".own input").all()] == ["question", ""]
    page.get_by_role("button", name="Remove the span question").click()
    assert page.locator(".own").count() == 1
    assert page.evaluate("location.hash") == "#sp=1t8-11"


def test_names_of_spans_are_only_text(open_page: Open, hostile: Attribution) -> None:
    page = open_page(render_html([hostile, hostile.replace(method="other")]), hash_="#tok=1-22&g=token")
    page.keyboard.press("s")
    page.locator(".own input").fill(HOSTILE_NAME)
    page.locator(".own input").press("Enter")
    shown = HOSTILE_NAME.replace("\u202e", "")
    assert page.locator(".own input").input_value() == shown
    for tab in VIEWS:
        show(page, tab)
        text = page.locator(".panel").inner_text()
        assert shown in text, tab
        assert "\u202e" not in text
        assert page.evaluate("document.querySelectorAll('.wf img, .wf script').length") == 0
    address = page.evaluate("location.hash")
    page.evaluate("hash => { location.hash = '#'; location.hash = hash }", address)
    assert page.locator(".own input").input_value() == shown
