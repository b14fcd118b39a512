"""The page in a real browser. Keyboard, contrast, structure: the page for everyone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import render_granular, render_html

from tests import axe
from tests.viz.page.reader import ACCESSIBILITY, VIEWS, Browser, Open, Page, background, card, rival_of, show

pytestmark = pytest.mark.browser


CONTRAST = """() => {
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll(".wf *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest("option, .live")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 30), e.className]);
  }
  return found;
}"""


def test_everything_works_from_the_keyboard(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone))
    selected = page.locator(".tabs [aria-selected=true]")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert card(page)[0] == "sick +0.62"
    assert "hospital, probability 0.53, strongest inputs: sick 0.62" in page.locator("[aria-live]").inner_text()
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".tok.picked").count() == 2
    page.keyboard.press("Escape")
    assert page.locator(".tok.picked").count() == 0
    for key, name in (("2", "Matrix"), ("3", "Steps"), ("4", "Compare"), ("1", "Read")):
        page.keyboard.press(key)
        assert selected.inner_text() == name
    page.keyboard.press("j")
    page.wait_for_selector(".place >> text=2 of 4")
    page.keyboard.press("k")
    page.wait_for_selector(".place >> text=1 of 4")
    page.keyboard.press("g")
    assert page.locator("[data-key=g]").input_value() == "word"
    page.keyboard.press("n")
    assert page.locator("[data-key=n]").input_value() == "step"
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert page.locator(".wf").get_attribute("data-theme") == "dark"
    page.keyboard.press("c")
    assert "orange + raises" in page.locator(".legend").inner_text()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.textContent") == "SVG"
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_tab_reaches_every_control_and_shows_where_it_is(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone))
    visited = []
    for _ in range(30):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "() => { const e = document.activeElement; return ["
            "e.getAttribute('aria-label') || e.dataset.key || e.textContent.slice(0, 12) || e.tagName,"
            "getComputedStyle(e).outlineStyle] }"
        )
        visited.append(name)
        assert outline != "none" or page.evaluate("document.activeElement === document.body"), name
    assert {"Search examples", "Examples", "Read", "g", "n", "Display", "Export", "Help"} <= set(visited)
    assert any(name.startswith("George") for name in visited)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_reads_at_four_and_a_half_to_one(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution], scheme: str
) -> None:
    other = hospital.replace(target_attributions=-np.asarray(hospital.target_attributions))
    html = render_html([hospital, other, rival_of(hospital, make)], spans=[(0, 3, "the reason"), (12, 14)])
    for hash_ in ("#g=span&tok=1", "#g=span&cm=difference&b=3&tab=compare", "#cm=a&b=3&tab=compare&tok=2"):
        page = open_page(html, hash_=hash_, color_scheme=scheme)
        page.wait_for_selector(".spans .own")
        measured = page.evaluate(CONTRAST)
        assert len(measured) > 30
        assert [entry for entry in measured if entry[0] < 4.5] == [], hash_
    page = open_page(html, hash_="#tok=3", color_scheme=scheme)
    assert page.locator(".wf").get_attribute("data-theme") == scheme
    for tab in VIEWS:
        show(page, tab)
        for palette in ("orange + ", "green + ", "red + "):
            page.keyboard.press("c")
            page.wait_for_selector(f":is(.legend, .facts) >> text={palette}")
            measured = page.evaluate(CONTRAST)
            assert len(measured) > 30
            assert [entry for entry in measured if entry[0] < 4.5] == [], tab


def test_dark_mode_follows_the_reader_and_the_switch(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital), color_scheme="dark")
    assert background(page.locator(".wf")) == "rgb(28, 29, 33)"
    page.locator("details.display summary").click()
    page.locator("[data-key=t]").select_option("light")
    assert background(page.locator(".wf")) == "rgb(255, 255, 255)"


def test_structure_is_there_for_assistive_technology(open_page: Open, hospital: Attribution) -> None:
    html = render_html([hospital, hospital.replace(id="again")], spans=[(0, 3, "the reason"), (12, 14)])
    for hash_ in ("#tok=3", "#g=span", "#row=1-2"):
        page = open_page(html, hash_=hash_)
        for tab in VIEWS:
            show(page, tab)
            assert page.evaluate(ACCESSIBILITY) == [], (hash_, tab)
    page = open_page(html, hash_="#cm=difference&g=span")
    show(page, "compare matrix")
    assert page.evaluate(ACCESSIBILITY) == []


@pytest.mark.heavy
def test_axe_finds_nothing(
    chromium: Browser,
    everyone: Attributions,
    deep: Attribution,
    make: Callable[..., Attribution],
    tmp_path: Path,
) -> None:
    spans = {0: [(0, 3, "the reason"), (12, 14)]}
    (tmp_path / "page.html").write_text(render_html(everyone, spans=spans), encoding="utf-8")
    (tmp_path / "slices.html").write_text(str(render_granular(deep, target="html")), encoding="utf-8")
    long = make([f" w{i}" for i in range(160)], 120, {(3, 7): 0.9}, id="long")
    (tmp_path / "long.html").write_text(render_html(long), encoding="utf-8")
    bytes_ = make(["I", " 智", "", "", " go", " 能", "", "!"], 5, {(2, 0): 0.9, (3, 0): -0.5})
    tokens = tuple(msgspec.structs.replace(token, word=None) for token in bytes_.target)
    (tmp_path / "stripes.html").write_text(render_html(bytes_.replace(target=tokens)), encoding="utf-8")
    for scheme in ("light", "dark"):
        context = chromium.new_context(bypass_csp=True, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()

        def violations(address: str, *tabs: str, page: Page = page) -> list[Any]:
            page.goto("about:blank")
            page.goto(f"{tmp_path.as_uri()}/{address}")
            page.wait_for_selector("[data-complete]", state="attached")
            found = []
            for tab in tabs:
                show(page, tab)
                found += [(tab, *one) for one in axe.violations(page)]
            return found

        assert violations("page.html#tok=3", *VIEWS) == []
        assert violations("page.html#g=span&row=1", *VIEWS) == []
        for matrix in ("a", "b", "difference"):
            assert violations(f"page.html#cm={matrix}&b=3&tok=1", "compare matrix") == []
        assert violations("long.html#tok=3", "read", "steps") == []
        assert violations("stripes.html#tok=1", "read", "matrix") == []
        assert violations("slices.html", "matrix") == []
        context.close()


def test_without_scripts_there_is_a_table(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone), wait=".wf-static", java_script_enabled=False)
    assert page.locator(".wf-static table").is_visible()
    text = page.locator(".wf-static").inner_text()
    assert "+0.62" in text
    assert "3 more" in text


def test_the_table_is_whole_only_where_scripts_do_not_run(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = render_html(make([f" word{i}" for i in range(30)], 20))
    still = open_page(page, wait=".wf-static", java_script_enabled=False)
    assert [row.is_visible() for row in still.locator(".wf-static tbody tr").all()] == [True] * 29
    table = page[page.index('<div class="wf-static">') : page.index("</table>")] + "</table></div>"
    moving = open_page(page)
    moving.evaluate("table => document.querySelector('.wf-mount').insertAdjacentHTML('afterbegin', table)", table)
    assert [row.is_visible() for row in moving.locator(".wf-static tbody tr").all()] == [True] * 12 + [False] * 17
