"""The page in a real browser. The table of steps, the list of examples, and links."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import render_html

from tests.viz.page.reader import Open, exported, output, show

pytestmark = pytest.mark.browser


LINKS = (
    "ex=2",
    "ex=99",
    "tok=3-9",
    "row=2-40",
    "g=span",
    "tab=compare",
    "cm=difference",
    "b=1",
    "b=3",
    "x=1",
    "z=9999",
    "sp=1t14-99",
    "sp=4t1-9~%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E!1t3-5!3s1-4",
)


PRESSED = (*"gncxmsjk1234tl[]+-ue", "ArrowRight", "Shift+ArrowRight", "ArrowLeft", "Escape", "Tab", "Enter")


def test_steps_sort_by_any_column(open_page: Open, translation: Attribution) -> None:
    page = open_page(render_html(translation, view="steps"))
    tokens = page.locator("tbody button.token")
    page.get_by_role("button", name="probability").click()
    assert tokens.all_inner_texts()[0] == "."
    page.get_by_role("button", name="probability").click()
    assert tokens.all_inner_texts()[0] == "La"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("probability")
    assert page.locator(".sparks svg").count() == 2


def test_ranks_are_written_as_such(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital.replace(step_scores={"rank": np.array([1, 12345, 7, 128255])})))
    output(page, "the").click()
    assert "rank 12345" in page.locator(".card").inner_text()
    show(page, "steps")
    assert "12345" in page.locator(".steps tbody td.number").all_inner_texts()
    assert page.locator(".sparks figcaption").inner_text() == "rank: 1 to 128255"
    show(page, "matrix")
    assert page.locator("td.step .number").all_inner_texts() == ["1", "12345", "7", "128255"]
    files = exported(page)
    assert b">12345</text>" in files["SVG"]
    assert b"| 12345 |" in files["Markdown"]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_pressed_and_linked_the_page_goes_on(open_page: Open, everyone: Attributions, seed: int) -> None:
    page = open_page(render_html(everyone))
    random = np.random.default_rng(seed)
    for _ in range(5):
        page.evaluate("hash => { location.hash = hash }", "&".join(random.choice(LINKS, 5, replace=False)))
        for key in random.choice(PRESSED, 25):
            page.keyboard.press(str(key))
    page.keyboard.press("Escape")
    page.evaluate("location.hash = '#tab=read&ex=1'")  # last: a key may come before the page has heard of the address
    page.wait_for_selector(".place >> text=1 of 4")
    assert page.locator(".outputs .tok").count() > 0


def test_search_and_sort_find_examples(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone))
    page.locator("input[type=search]").fill("developer designer")
    assert page.locator(".count").inner_text() == "1 of 4"
    page.locator(".line").click()
    page.wait_for_selector(".place >> text=2 of 4")
    page.locator("input[type=search]").fill("")
    page.locator("select[aria-label='Sort examples']").select_option("outputs")
    assert page.locator(".line .name").first.inner_text().startswith("hostile")


def test_the_list_holds_only_the_lines_in_sight(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html([hospital.replace(id=f"number {i}") for i in range(400)]))
    assert page.locator(".line").count() < 40
    page.locator(".lines").evaluate("e => { e.scrollTop = 1e9 }")
    page.wait_for_selector("text=number 399")
    page.locator(".line", has_text="number 399").click()
    page.wait_for_selector(".place >> text=400 of 400")


def test_the_list_folds_away(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone))
    nav = page.locator("nav.list")
    page.get_by_role("button", name="List of examples").click()
    assert not nav.is_visible()
    page.keyboard.press("l")
    assert nav.is_visible()
    page.keyboard.press("l")
    page.keyboard.press("/")
    assert nav.is_visible()
    assert page.evaluate("document.activeElement.type") == "search"
    assert page.locator(".line").count() == 4


def test_a_link_opens_the_same_view(open_page: Open, everyone: Attributions) -> None:
    html = render_html(everyone)
    page = open_page(html, hash_="#ex=2&tok=2&g=word&tab=read")
    assert page.locator(".place").inner_text() == "2 of 4"
    assert page.locator(".tok.picked").inner_text() == "sviluppatrice"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == "#ex=2&tok=3&g=word"
    page.evaluate("location.hash = '#ex=1&tab=matrix'")
    page.wait_for_selector(".matrix table")
    assert page.locator(".place").inner_text() == "1 of 4"


def test_menus_close_by_a_click_elsewhere_by_escape_and_by_each_other(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    output(page, "hospital").click()
    for close in ("outside", "Escape", "other"):
        page.locator("details.display summary").click()
        assert page.locator("details[open]").count() == 1
        if close == "outside":
            page.locator(".title").click()
        elif close == "Escape":
            page.keyboard.press("Escape")
        else:
            page.locator("details.export summary").click()
            assert page.locator("details.export[open]").count() == 1
            assert page.locator("details[open]").count() == 1
            page.keyboard.press("Escape")
        assert page.locator("details[open]").count() == 0, close
        assert page.locator(".outputs .picked").count() == 1, "what is pinned stays"
    page.keyboard.press("Escape")
    assert page.locator(".outputs .picked").count() == 0


def test_a_page_of_one_example_has_no_tab_to_compare(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital, view="compare"))
    assert page.get_by_role("tab").all_inner_texts() == ["Read", "Matrix", "Steps"]
    page.keyboard.press("4")
    assert page.get_by_role("tab", selected=True).inner_text() == "Read"
