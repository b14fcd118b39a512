"""The page in a real browser, offline: what a reader does, and what nobody should have to notice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.text.tokens import Segment
from wherefrom_viz import render_granular, render_html, render_notebook
from wherefrom_viz.page import packing

from tests import axe
from tests.needed import needed

needed("playwright", "extras")
from playwright.sync_api import Browser, Page, expect  # noqa: E402

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens HTML from a file; afterwards no request, console error or dialog may have happened."""
    contexts, complaints, requests = [], [], []

    def opened(html: str, *, hash_: str = "", wait: str = "[data-complete]", **context: Any) -> Page:
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce", **context}
        contexts.append(chromium.new_context(offline=True, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + hash_)
        page.wait_for_selector(wait, state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file://", "blob:", "data:"))] == []
    assert len([url for url in requests if url.startswith("file://")]) == len(contexts)


def output(page: Page, text: str) -> Any:
    return page.locator(".outputs .tok", has_text=text).first


def background(locator: Any) -> str:
    return str(locator.evaluate("e => getComputedStyle(e).backgroundColor"))


VIEWS = {
    "read": ("1", ".read .card"),
    "matrix": ("2", ".matrix table"),
    "steps": ("3", ".steps tbody tr"),
    "compare": ("4", ".compare .agree"),
}
OTHERS = {"compare matrix": ("4", ".compare .matrix table")}


def show(page: Page, tab: str) -> None:
    """Switch to a tab and wait until it is drawn."""
    key, part = {**VIEWS, **OTHERS}[tab]
    page.keyboard.press(key)
    page.wait_for_selector(part)


def card(page: Page) -> list[str]:
    return [" ".join(line.split()) for line in page.locator(".card li").all_inner_texts()]


def exported(page: Page) -> dict[str, bytes]:
    """Everything the export menu gives."""
    page.locator("details.export summary").click()
    files = {}
    for name in ("SVG", "PNG", "Markdown", "TSV", "JSON"):
        with page.expect_download() as download:
            page.locator("details.export button", has_text=name).first.click()
        files[name] = Path(download.value.path()).read_bytes()
    return files


def test_hover_previews_and_click_pins(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    sick = page.locator(".inputs .tok", has_text="sick")
    output(page, "hospital").hover()
    assert card(page)[0] == "sick +0.62"
    assert background(sick) == "rgb(163, 16, 42)"
    output(page, "hospital").click()
    output(page, "the").hover()
    assert card(page)[0] == "sick +0.62", "a preview must not override a pin"
    assert output(page, "hospital").get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    output(page, "the").hover(force=True)
    page.mouse.move(5, 700)
    assert "All outputs together" in page.locator(".card").inner_text()


def test_one_output_alone_keeps_its_colours_after_the_first_input_was_pointed_at(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    """With one column, sums over the first row and over the column are of the same places."""
    page = open_page(render_html(make(["George", " was", " sick", " hospital"], 3, {(0, 0): 0.1, (2, 0): 0.62})))
    sick = page.locator(".inputs .tok", has_text="sick")
    page.locator(".inputs .tok", has_text="George").hover()
    assert card(page) == ["hospital +0.1"]
    output(page, "hospital").hover()
    assert card(page)[0] == "sick +0.62"
    assert background(sick) == "rgb(163, 16, 42)"


def test_shift_click_pins_a_span_and_sums_it(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    output(page, "to").click()
    output(page, "the").click(modifiers=["Shift"])
    assert page.locator(".outputs .tok.picked").count() == 2
    assert "sum over 2 outputs" in page.locator(".card").inner_text()
    assert card(page)[0] == "come +0.52"


def test_on_a_touch_screen_a_span_is_tapped(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital), has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    assert "Tap a token" in page.locator(".card").inner_text()
    output(page, "to").tap()
    page.get_by_role("button", name="Widen").tap()
    assert page.get_by_role("button", name="Widen").get_attribute("aria-pressed") == "true"
    output(page, "hospital").tap()
    assert page.locator(".outputs .tok.picked").all_inner_texts() == ["to", "the", "hospital"]
    output(page, "the").tap()
    assert page.locator(".outputs .tok.picked").all_inner_texts() == ["the"], "only the next one"


def test_an_input_shows_which_outputs_it_drove(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    page.locator(".inputs .tok", has_text="sick").click()
    assert "Input sick drove" in page.locator(".card h2").inner_text()
    assert card(page)[0] == "hospital +0.62"
    assert background(output(page, "hospital")) == "rgb(163, 16, 42)"


def test_source_and_output_stand_in_two_blocks(open_page: Open, translation: Attribution) -> None:
    page = open_page(render_html(translation))
    assert page.locator(".block h2").all_inner_texts() == ["Source", "Output"]
    output(page, "trice").click()
    assert card(page)[0] == "oper +0.6"


def test_turns_are_named_where_they_begin(open_page: Open, chat: Attribution) -> None:
    page = open_page(render_html(chat), hash_="#g=turn")
    assert page.locator(".segment").all_inner_texts() == ["user", "assistant"]
    assert page.locator(".outputs .tok").count() == 1
    assert page.evaluate(ACCESSIBILITY) == []


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


def test_granularity_switches_without_python(open_page: Open, translation: Attribution) -> None:
    page = open_page(render_html(translation))
    assert page.locator(".outputs .tok").count() == 9
    page.locator("[data-key=g]").select_option("word")
    assert "sviluppatrice" in page.locator(".outputs").inner_text().replace("\u200b", "")
    assert page.locator(".outputs .tok").count() == 7
    output(page, "sviluppatrice").click()
    raw = np.asarray(translation.source_attributions)
    assert card(page)[0] == f"developer +{raw[1:3, 1:3].sum():.3g}"
    assert "sum over words" in page.locator(".legend").inner_text()


def test_the_matrix_is_a_table_that_says_what_it_is(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital, view="matrix"))
    table = page.locator(".matrix table")
    assert "how much each input raises (+) or lowers (−)" in table.locator("caption").inner_text()
    assert table.locator("thead th[scope=col]").all_inner_texts() == ["to", "the", "hospital", "."]
    assert table.locator("tbody th[scope=row]").count() == 14
    page.locator("td[data-r='2'][data-c='2']").hover()
    assert page.locator(".status").inner_text() == "sick raises hospital: +0.62"
    assert table.locator("th.cross").all_inner_texts() == ["hospital", "sick"]
    page.keyboard.press("x")
    assert table.locator("tbody th[scope=row]").all_inner_texts() == ["to", "the", "hospital", "."]
    assert table.locator("td.hidden").count() == 6


def test_steps_sort_by_any_column(open_page: Open, translation: Attribution) -> None:
    page = open_page(render_html(translation, view="steps"))
    tokens = page.locator("tbody button.token")
    page.get_by_role("button", name="probability").click()
    assert tokens.all_inner_texts()[0] == "."
    page.get_by_role("button", name="probability").click()
    assert tokens.all_inner_texts()[0] == "La"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("probability")
    assert page.locator(".sparks svg").count() == 2


def test_two_methods_compare(open_page: Open, hospital: Attribution) -> None:
    other = hospital.replace(method="saliency", target_attributions=-np.asarray(hospital.target_attributions))
    page = open_page(render_html([hospital, other], view="compare"))
    page.wait_for_selector(".agreement")
    assert "Rank agreement -1.00" in page.locator(".agreement").inner_text()
    assert page.locator(".compare section h2").all_inner_texts() == ["A", "B", "A − B"]
    bounds = [float(one.get_attribute("data-bound") or "nan") for one in page.locator(".compare .scale").all()]
    assert bounds[0] == bounds[1] == bounds[2] / 2, "each text has its own legend"
    assert "more in B" in page.locator(".compare section").last.inner_text()
    page.locator(".compare button.token", has_text="hospital").click()
    sick = page.locator(".compare section .tok", has_text="sick")
    assert sick.count() == 3
    assert background(sick.nth(0)) != background(sick.nth(1))


def test_shares_are_of_the_sides_that_have_scores(open_page: Open, hospital: Attribution) -> None:
    scores = np.asarray(hospital.target_attributions)[: len(hospital.source)]
    one = hospital.replace(source_attributions=scores, target_attributions=None)
    page = open_page(render_html([one, one.replace(method="saliency", signed=False)], view="compare"))
    page.wait_for_selector(".agreement")
    for column, cell in enumerate(page.locator("td.chips").all()[::2]):
        largest = np.abs(scores[:, column]).max() / np.abs(scores[:, column]).sum()
        assert abs(float(cell.locator(".chip").first.inner_text().split()[-1])) == pytest.approx(largest, rel=0.01)


def rival_of(hospital: Attribution, make: Callable[..., Attribution]) -> Attribution:
    """The same prompt, another output: "to see the doctor"."""
    texts = [token.text for token in hospital.target[:11]]
    strengths = {(10, 0): 0.3, (2, 3): 0.5, (6, 3): -0.2}
    return make([*texts, " to", " see", " the", " doctor", "."], 11, strengths, seed=8, id="rival")


def test_the_matrices_of_a_comparison_are_a_choice(open_page: Open, hospital: Attribution) -> None:
    flipped = hospital.replace(id="flipped", target_attributions=-np.asarray(hospital.target_attributions))
    page = open_page(render_html([hospital, flipped], view="compare"))
    cell = page.locator(".compare td[data-r='2'][data-c='2']")
    shares = np.abs(np.asarray(hospital.target_attributions))
    share = float(shares[2, 2] / shares[:, 2].sum())
    for name, value in (("matrix A", share), ("matrix B", -share), ("matrix A − B", 2 * share)):
        page.get_by_role("radiogroup", name="Show").get_by_text(name, exact=True).click()
        assert float(cell.inner_text()) == pytest.approx(value, abs=0.006), name
    assert cell.get_attribute("data-sign") == "+"
    legend = page.locator(".legend").inner_text()
    assert "blue − more in B" in legend
    assert "red + more in A" in legend
    cell.hover()
    assert page.locator(".status").inner_text().startswith("sick counts more in A than in B for hospital: +")
    cell.click()
    assert page.locator(".compare th.picked").all_inner_texts() == ["hospital"]
    assert page.evaluate("location.hash") == "#tok=3&cm=difference"
    page.keyboard.press("m")
    page.wait_for_selector(".compare .agree")
    assert page.locator(".chosen").inner_text() == "Where hospital comes from:"
    page.keyboard.press("1")
    assert page.locator(".outputs .picked").inner_text() == "hospital"


def test_what_has_no_counterpart_is_marked(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution]
) -> None:
    html = render_html([hospital, rival_of(hospital, make)], view="compare")
    page = open_page(html, hash_="#cm=difference")
    heads = [" ".join(text.split()) for text in page.locator(".compare thead th").all_inner_texts()]
    assert heads == ["to", "see only B", "the", "hospital only A", "doctor only B", "."]
    alone = page.locator(".compare td.alone")
    assert alone.count() == 3 * 16 + 3 * 3
    assert "repeating-linear-gradient" in alone.first.evaluate("e => getComputedStyle(e).backgroundImage")
    alone.first.hover()
    assert "has no counterpart" in page.locator(".status").inner_text()
    assert "no counterpart in the other" in page.locator(".legend").inner_text()
    page.get_by_text("texts", exact=True).click()
    assert page.locator(".compare .agree td.number").all_inner_texts()[1] == "only in B"
    page.keyboard.press("Escape")
    for output, loners in (("the", ["see"]), (".", ["hospital", "see", "doctor"])):
        page.get_by_role("button", name=output, exact=True).click()
        assert page.locator(".compare .tok.alone").all_inner_texts() == loners, "only what that output could see"


def test_a_comparison_is_exported_as_it_is_shown(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution]
) -> None:
    page = open_page(render_html([hospital, rival_of(hospital, make)], view="compare"), hash_="#cm=difference")
    shown = float(page.locator(".compare td[data-r='2'][data-c='2']").inner_text())
    files = exported(page)
    assert b'fill="url(#alone)"' in files["SVG"]
    assert "A − B of hospital and rival" in files["SVG"].decode()
    assert "blue − more in B · red + more in A" in files["SVG"].decode()
    assert files["PNG"].startswith(b"\x89PNG")
    assert "hospital \\(only in A\\)" in files["Markdown"].decode()
    assert "see (only in B)" in files["TSV"].decode()
    pair = json.loads(files["JSON"])
    assert pair["difference"][2][2] == pytest.approx(shown, abs=0.006)
    assert pair["difference"][2][2] == pytest.approx(pair["a"][2][2] - pair["b"][2][2])
    assert pair["difference"][2][3] is None
    assert pair["outputs_only_in"] == [None, "B", None, "A", "B", None]
    assert pair["agreement"][1] is None
    assert pair["titles"] == ["hospital", "rival"]
    assert [method.split(" · ")[0] for method in pair["methods"]] == ["integrated_gradients", "integrated_gradients"]


def test_a_large_comparison_is_a_canvas(open_page: Open, make: Callable[..., Attribution]) -> None:
    long = make([f" w{i}" for i in range(160)], 80, {(3, 7): 0.9}, id="long")
    other = make([f" w{i}" if i != 90 else " else" for i in range(160)], 80, {(3, 7): -0.9}, seed=2, id="other")
    page = open_page(render_html([long, other], view="compare"), hash_="#cm=difference")
    canvas = page.locator(".compare canvas")
    canvas.focus()
    for key in [*["ArrowRight"] * 8, *["ArrowDown"] * 3]:
        page.keyboard.press(key)
    assert page.locator(".status").inner_text().startswith("w3 counts more in A than in B for w87: +")
    page.keyboard.press("Enter")
    assert "tok=8" in page.evaluate("location.hash")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert "has no counterpart" in page.locator(".status").inner_text()


def test_arrows_move_over_the_cells_of_a_matrix(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital, view="matrix"))
    page.locator(".matrix .scroll").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.locator(".matrix .cross").all_inner_texts() == ["hospital", "sick", "0.62"]
    assert page.locator("[aria-live]").inner_text() == "sick raises hospital: +0.62"
    page.keyboard.press("Enter")
    assert page.locator(".matrix th.picked").all_inner_texts() == ["hospital"]
    page.keyboard.press("x")  # a key counts once, though the matrix is drawn anew under the focus
    assert page.locator(".matrix tbody th").all_inner_texts() == ["to", "the", "hospital", "."]
    page.keyboard.press("ArrowDown")
    assert page.locator(".matrix .cross").count() == 3, "the matrix must keep the focus"


def test_a_range_of_inputs_shows_what_it_drove(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    page.locator(".inputs .tok", has_text="sick").click()
    page.locator(".inputs .tok", has_text="George").click(modifiers=["Shift"])
    assert "Input George was sick drove" in page.locator(".card h2").inner_text()
    scores = np.asarray(hospital.target_attributions)[:3].sum(axis=0)
    assert card(page)[0] == f"hospital +{scores[2]:.3g}"
    assert page.evaluate("location.hash") == "#row=1-3"
    assert "Input George was sick, strongest outputs: hospital" in page.locator("[aria-live]").inner_text()
    page.locator(".flow.inputs").focus()
    page.keyboard.press("Escape")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert page.locator(".tok.picked").all_inner_texts() == ["was", "sick"]
    # a range stays within its block: from the prompt it does not reach into the output
    show(page, "matrix")
    page.locator(".matrix th[data-row='9']").click()
    page.locator(".matrix th[data-row='10']").click(modifiers=["Shift"])
    assert page.locator(".matrix th.picked").all_inner_texts() == ["to", "come"]
    page.locator(".matrix th[data-row='12']").click(modifiers=["Shift"])
    assert page.locator(".matrix th.picked").all_inner_texts() == ["the"]


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


HOSTILE_NAME = "<img src=x onerror=alert(1)>\u202e!~&#</script>"


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


def test_exports_hold_what_is_shown(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    files = exported(page)
    assert files["SVG"].startswith(b"<svg")
    assert files["PNG"].startswith(b"\x89PNG")
    assert "| sick | " in files["Markdown"].decode()
    assert "sick\t" in files["TSV"].decode()
    shown = json.loads(files["JSON"])
    assert shown["outputs"] == ["to", "the", "hospital", "."]
    assert shown["scores"][2][2] == pytest.approx(0.62, abs=1e-4)
    assert shown["scores"][13][0] is None


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


def test_hostile_tokens_are_shown_and_do_nothing(open_page: Open, hostile: Attribution, hospital: Attribution) -> None:
    page = open_page(render_html([hostile, hostile.replace(method="other"), hospital]))
    for tab in VIEWS:
        show(page, tab)
        assert page.evaluate("document.querySelectorAll('.wf script, .wf img, .wf iframe').length") == 0
        text = page.locator(".panel").inner_text()
        for mark in ("</script>", "[/red]", "‹U+202E›", "‹U+D800›", "␀␛[31m", "&lt;b&gt;"):
            assert mark in text, (tab, mark)
        assert "\u202e" not in text


def margins(page: Page, *, rows: int, columns: int, size: int) -> tuple[int, int]:
    """Room that the canvas has for labels, left and above, with one row of step scores below."""
    whole = page.locator(".matrix canvas").evaluate("e => [e.parentElement.offsetWidth, e.parentElement.offsetHeight]")
    return whole[0] - columns * size, whole[1] - rows * size - 28


WATCHED = """() => {
  const pen = CanvasRenderingContext2D.prototype;
  window.drawn = [];
  for (const name of ["fillText", "fillRect"]) {
    const own = pen[name];
    pen[name] = function (...given) {
      const { b, e, f } = this.getTransform();
      const [length, strong] = [this.measureText(given[0]).width, this.font.startsWith("bold")];
      const look = { strong, direction: this.direction, ink: this.fillStyle };
      drawn.push({ name, given, upright: b !== 0, x: e, y: f, length, ...look });
      return own.apply(this, given);
    };
  }
}"""


def drawn(page: Page, name: str = "fillText") -> list[dict[str, Any]]:
    """What the canvas draws when it is drawn again: labels, or boxes and bars."""
    page.evaluate(f"window.drawn || ({WATCHED})()")
    again = "document.querySelector('.matrix .scroll').dispatchEvent(new Event('scroll'))"
    found = page.evaluate(f"() => {{ drawn.length = 0; {again}; return drawn; }}")
    return [one for one in found if one["name"] == name]


def test_labels_and_bars_stay_while_the_canvas_scrolls(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make([f" w{i}" for i in range(260)], 130), view="matrix"))
    frame = page.locator(".matrix .scroll")
    left, top = margins(page, rows=259, columns=130, size=8)
    before = drawn(page)
    assert [one["given"][0] for one in before if not one["upright"]][:3] == ["w0", "w2", "w4"]
    assert [one["given"][0] for one in before if one["upright"]][:3] == ["w130", "w132", "w134"]
    frame.evaluate("e => { e.scrollLeft = 40; e.scrollTop = 1e6 }")
    after = drawn(page)
    rows = [one for one in after if not one["upright"]]
    columns = [one for one in after if one["upright"]]
    assert rows[-2]["given"][0] == "w258"
    assert {one["x"] for one in rows} == {left - 6}
    assert {one["y"] for one in columns} == {top - 6}
    assert rows[-1]["given"][0] == "probability"
    scrolled = int(frame.evaluate("e => e.scrollLeft"))
    at = {one["given"][0]: one["x"] for one in columns}
    assert at["w140"] == pytest.approx(left + 10.5 * 8 - scrolled)
    bars = [one["given"] for one in drawn(page, "fillRect") if one["given"][2] < 8]
    assert any(bar[0] + bar[2] / 2 == pytest.approx(at["w140"]) for bar in bars), "a bar stands under its output"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labels_of_the_canvas_are_cut_to_fit_and_easy_to_read(
    open_page: Open, make: Callable[..., Attribution], scheme: str
) -> None:
    long = " incomprehensibilities-of-the-extraordinary-kind"
    texts = ["السلام", long, *(f" w{i}" for i in range(158))]
    page = open_page(render_html(make(texts, 80), view="matrix"), hash_="#row=2", color_scheme=scheme)
    page.locator("canvas").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    labels = drawn(page)
    strong = [one["given"][0] for one in labels if one["strong"]]
    assert strong[0] == "w1"
    assert strong[2] == "w78"
    first = next(one for one in labels if "…" in one["given"][0])
    assert first["strong"], "the pinned row's"
    assert re.fullmatch("incompre.*….*kind", first["given"][0])
    assert first["length"] <= 140
    page.keyboard.press("ArrowUp")
    strong = [one["given"][0] for one in drawn(page) if one["strong"]]
    assert strong == ["w0", "w78"], "of pin and crosshair, which have no room for both, the crosshair's"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert next(one for one in drawn(page) if one["given"][0] == "السلام")["direction"] == "rtl"
    page_colour, soft = page.locator(".wf").evaluate(
        "e => ['--page', '--soft'].map((name) => getComputedStyle(e).getPropertyValue(name).trim())"
    )
    for one in drawn(page):
        assert contrast(one["ink"], page_colour) >= 4.5
        assert contrast(one["ink"], soft) >= 4.5


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        values = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in values]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_zooming_keeps_the_cell_with_the_crosshair_in_its_place(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    page = open_page(render_html(make([f" w{i}" for i in range(400)], 200), view="matrix"))
    page.locator("canvas").focus()
    for key in [*["ArrowRight"] * 60, *["ArrowDown"] * 150, *["ArrowUp"] * 60]:
        page.keyboard.press(key)

    def place() -> tuple[float, float]:
        (row, column) = [one for one in drawn(page) if one["strong"]]
        return column["x"], row["y"]

    before = place()
    for _ in range(5):
        page.keyboard.press("+")
    assert page.locator(".status").inner_text().startswith("w90 ")
    assert np.abs(np.subtract(place(), before)).max() <= 24
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"


@pytest.mark.parametrize("size, first", [(14, 11), (160, 80)])
def test_rows_and_ranges_are_pinned_from_the_keyboard(
    open_page: Open, make: Callable[..., Attribution], size: int, first: int
) -> None:
    page = open_page(render_html(make([f" w{i}" for i in range(size)], first), view="matrix"))
    page.locator("[data-key=matrix]").focus()
    address = "location.hash.replace('#tab=read&', '#').replace('#tab=matrix&', '#')"
    for key, pinned in (
        ("ArrowDown", ""),
        ("ArrowDown", ""),
        ("i", "#row=2"),
        ("i", ""),
        ("Enter", "#tok=1"),
        ("Shift+ArrowRight", "#tok=1-2"),
        ("Shift+ArrowDown", "#row=2-3"),
        ("Shift+ArrowDown", "#row=2-4"),
        ("ArrowDown", "#row=2-4"),
        ("Shift+I", "#row=2-5"),
        ("Shift+ArrowLeft", "#tok=1-2"),
        ("Escape", ""),
    ):
        page.keyboard.press(key)
        assert page.evaluate(address) == pinned, key


def test_a_click_on_a_label_of_the_canvas_pins_its_line(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make([f" w{i}" for i in range(160)], 80), view="matrix"))
    left, top = margins(page, rows=159, columns=80, size=13)
    canvas = page.locator("canvas")
    canvas.click(position={"x": 20, "y": top + 13 * 4 + 5})
    assert "row=5" in page.evaluate("location.hash")
    assert page.locator(".status").inner_text().startswith("w4 "), "the label under the pointer is told in full"
    canvas.click(position={"x": left + 13 * 6 + 5, "y": 5})
    assert "tok=7" in page.evaluate("location.hash")


def test_a_large_example_is_a_canvas_that_redraws_quickly(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make([f" w{i}" for i in range(160)], 80, {(3, 7): 0.9}), view="matrix"))
    canvas = page.locator(".matrix canvas")
    box = canvas.bounding_box()
    assert box is not None
    left, top = margins(page, rows=159, columns=80, size=13)
    page.mouse.move(box["x"] + left + 13 * 7 + 5, box["y"] + top + 13 * 3 + 5)
    assert page.locator(".status").inner_text() == "w3 raises w87: +0.9"
    page.get_by_role("button", name="Show as a table").click()
    assert page.locator(".matrix table").count() == 1


ACCESSIBILITY = """() => {
  const bad = [];
  const name = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim();
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push("an id is used twice");
  const named = "button, [role=tab], [role=listbox], [role=region], [role=img], dialog, nav, summary";
  for (const e of document.querySelectorAll(named))
    if (!name(e)) bad.push(`no name: ${e.outerHTML.slice(0, 80)}`);
  for (const e of document.querySelectorAll("input, select"))
    if (!e.getAttribute("aria-label") && !e.labels.length) bad.push(`no label: ${e.outerHTML.slice(0, 80)}`);
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-controls], [aria-activedescendant]"))
    for (const key of ["aria-labelledby", "aria-controls", "aria-activedescendant"])
      if (e.hasAttribute(key) && !document.getElementById(e.getAttribute(key)))
        bad.push(`${key} points nowhere: ${e.className}`);
  for (const e of document.querySelectorAll("[role=listbox]")) {
    if (e.tabIndex < 0) bad.push("a listbox cannot be reached");
    const children = [...e.querySelectorAll("*")].filter((c) => c.hasAttribute("role"));
    if (!children.length || children.some((c) => !["option", "presentation"].includes(c.getAttribute("role"))))
      bad.push("a listbox holds others than options");
  }
  for (const e of document.querySelectorAll("[role=option]"))
    if (!e.hasAttribute("aria-selected") || !e.closest("[role=listbox]")) bad.push("an option without state or list");
  for (const e of document.querySelectorAll(".wf table:not(dialog table)")) {
    if (!e.caption) bad.push("a table without caption");
    if (!e.querySelector("thead th[scope=col]")) bad.push("a table without column heads");
  }
  for (const e of document.querySelectorAll("button button, button a, a button, [role=option] button"))
    bad.push(`nested controls: ${e.outerHTML.slice(0, 60)}`);
  const count = (what) => document.querySelectorAll(what).length;
  if (count("h1") !== 1 || count("main") !== 1) bad.push("there must be one h1 and one main");
  if (!document.documentElement.lang || !document.title) bad.push("no language or title");
  return bad;
}"""


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


def test_notebook_outputs_are_each_their_own(open_page: Open, hospital: Attribution) -> None:
    cell = render_notebook(hospital)
    style = "<style>.tok { display: none } button { color: red !important }</style>"
    page = open_page(f"<!DOCTYPE html><body class='vscode-dark'>{style}{cell}{cell}", wait="[data-complete]")
    page.locator("[data-complete]").nth(1).wait_for(state="attached")
    assert page.locator(".wf").count() == 2
    assert page.locator(".wf").first.get_attribute("data-theme") == "dark"
    page.locator(".outputs .tok", has_text="hospital").first.click()
    assert page.locator(".tok.picked").count() == 1


@pytest.mark.parametrize(
    "names", [("jp-layout-color0", "jp-content-font-color1"), ("vscode-editor-background", "vscode-editor-foreground")]
)
def test_a_notebooks_own_colours_are_taken_up(open_page: Open, hospital: Attribution, names: tuple[str, str]) -> None:
    style = f"<style>:root {{ --{names[0]}: #002b36; --{names[1]}: #fdf6e3 }}</style>"
    page = open_page(f"<!DOCTYPE html><body data-jp-theme-light='false'>{style}{render_notebook(hospital)}")
    root = page.locator(".wf")
    assert root.get_attribute("data-theme") == "dark"
    assert background(root) == "rgb(0, 43, 54)"
    assert root.evaluate("e => getComputedStyle(e).color") == "rgb(253, 246, 227)"
    assert background(page.locator(".wf button.help")) == "rgb(0, 43, 54)"
    page.locator("details.display summary").click()
    page.locator("[data-key=t]").select_option("light")
    assert background(root) == "rgb(255, 255, 255)"


@pytest.fixture
def deep(make: Callable[..., Attribution]) -> Attribution:
    """Two layers of three heads."""
    flat = make(["a", " b", " c", " d"], 2)
    scores = np.stack(
        [np.stack([np.asarray(flat.target_attributions) + k + 10 * j for k in range(3)], -1) for j in range(2)], -2
    )
    return flat.replace(target_attributions=scores, dimensions=("layer", "head"), id=None)


def test_granular_pages_have_a_slider_per_dimension(open_page: Open, deep: Attribution) -> None:
    page = open_page(str(render_granular(deep, target="html")))
    sliders = page.locator(".dimensions input")
    assert [slider.get_attribute("aria-label") for slider in sliders.all()] == ["layer", "head"]
    sliders.nth(0).fill("1")
    sliders.nth(1).fill("2")
    page.wait_for_selector("header .name >> text=layer 1 · head 2")
    page.keyboard.press("k")
    page.wait_for_selector("header .name >> text=layer 1 · head 1")
    assert [slider.input_value() for slider in sliders.all()] == ["1", "1"]
    assert page.locator(".dimensions output").all_inner_texts() == ["layer 1", "head 1"]


def test_layers_by_heads_are_small_multiples_to_click(open_page: Open, deep: Attribution) -> None:
    strong = np.array(deep.target_attributions)
    strong[..., 1, 2] = 20 * np.abs(strong).max()
    page = open_page(str(render_granular(deep.replace(target_attributions=strong), target="html")))
    page.wait_for_selector(".overview[data-drawn]")
    multiples = page.get_by_role("listbox", name="All slices").get_by_role("option")
    assert [one.get_attribute("aria-label") for one in multiples.all()] == [
        f"layer {layer} · head {head}" for layer in range(2) for head in range(3)
    ]
    boxes = [one.bounding_box() for one in multiples.all()]
    assert len({box["y"] for box in boxes if box}) == 2, "a row for each layer"
    greenest = """e => {
      const { data } = e.querySelector('canvas').getContext('2d').getImageData(0, 0, 99, 99);
      return Math.min(...data.filter((_, i) => i % 4 === 1 && data[i + 2] === 255));
    }"""
    shades = [one.evaluate(greenest) for one in multiples.all()]
    assert min(shades[:5]) > 200 > shades[5], "one scale for all: the strong head alone is strong"
    multiples.nth(5).click()
    page.wait_for_selector("header .name >> text=layer 1 · head 2")
    assert page.get_by_label("head", exact=True).input_value() == "2"
    assert [one.get_attribute("aria-selected") for one in multiples.all()] == ["false"] * 5 + ["true"]
    page.get_by_role("listbox", name="All slices").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_selector("header .name >> text=layer 0 · head 2")


def test_a_slice_that_cannot_be_read_is_told_and_can_be_left(
    open_page: Open, deep: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "BLOCK_SIZE", 1)
    html = str(render_granular(deep, target="html"))
    page = open_page(re.sub(r'(data-wf="block-1">)[^<]*', r"\g<1>8:0000000000", html))
    assert page.locator(".overview").get_by_role("alert").count() == 1
    page.keyboard.press("ArrowDown")
    assert page.locator(".panel").get_by_role("alert").inner_text()
    heading = page.locator("header .name")
    assert heading.inner_text() == "layer 0 · head 1", "not the title of the one before"
    page.keyboard.press("2")
    assert page.locator(".matrix").count() == 0
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("header .name >> text=layer 0 · head 2")


def test_granular_notebook_cells_have_sliders_of_their_own(open_page: Open, deep: Attribution) -> None:
    cell = str(render_granular(deep, target="notebook"))
    page = open_page(f"<!DOCTYPE html><body>{cell}<p>between</p>{cell}", wait="[data-complete]")
    page.locator("[data-complete]").nth(1).wait_for(state="attached")
    first, second = page.locator(".wf").all()
    assert not first.locator(".list").is_visible()
    head = first.get_by_role("slider", name="head")
    head.focus()
    head.press("ArrowRight")
    first.locator("header .name >> text=layer 0 · head 1").wait_for()
    assert head.evaluate("e => e.getRootNode().activeElement === e"), "the slider must keep the focus"
    head.press("ArrowRight")
    first.locator("header .name >> text=layer 0 · head 2").wait_for()
    assert head.get_attribute("aria-valuetext") == "head 2"
    value = first.locator("td[data-r='0'][data-c='0']").inner_text()
    assert float(value) == pytest.approx(float(np.asarray(deep.target_attributions)[0, 0, 0, 2]), abs=0.006)
    assert second.get_by_role("slider", name="head").input_value() == "0"


def test_granular_cells_without_scripts_show_small_tables(open_page: Open, deep: Attribution) -> None:
    cell = str(render_granular(deep, target="notebook"))
    page = open_page(f"<!DOCTYPE html><body>{cell}", wait=".wf-static", java_script_enabled=False)
    assert page.locator(".wf-static caption").all_inner_texts() == [
        f"layer {j} · head {k}" for j in range(2) for k in range(3)
    ]
    assert page.locator(".wf-static table").last.is_visible()


def test_right_to_left_text_keeps_its_own_direction(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make(["السلام", " عليكم", " ورحمة", " الله"], 2)))
    flow = page.locator(".flow.inputs")
    assert flow.evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert flow.evaluate("e => getComputedStyle(e).textAlign") == "start"
    first, second = (flow.locator(".tok").nth(i).bounding_box() for i in range(2))
    assert first is not None
    assert second is not None
    assert first["x"] > second["x"]


def darkest(page: Page) -> tuple[float, float]:
    """What the legend says of the strongest colour, and the largest strength painted, read from what is drawn."""
    bound = float(page.locator(".legend .scale").first.get_attribute("data-bound") or "nan")
    said = page.locator(".legend .scale").first.inner_text().split()[-1]
    assert float(said.replace("−", "-")) == pytest.approx(bound, rel=6e-3)
    top = page.locator(".card .value").first.inner_text()
    return bound, abs(float(top.replace("−", "-")))


def test_the_legend_says_what_the_darkest_colour_stands_for(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    bound, top = darkest(page)
    assert bound == pytest.approx(top, rel=6e-3), "all outputs together: the strongest input has the strongest colour"
    name = page.locator(".card .name").first.inner_text()
    assert background(page.locator(".tok", has_text=name).first) == "rgb(163, 16, 42)"
    output(page, "hospital").click()
    assert darkest(page) == pytest.approx((0.62, 0.62), rel=6e-3)
    output(page, ".").click(modifiers=["Shift"])
    bound, top = darkest(page)
    assert bound == pytest.approx(top, rel=6e-3), "a span: the strongest of its sums"
    page.locator("details.display summary").click()
    page.get_by_label("Scale").select_option("step")
    page.keyboard.press("Escape")
    for text in ("to", "the", "."):
        output(page, text).click()
        bound, top = darkest(page)
        assert bound == pytest.approx(top, rel=6e-3), "each output on its own scale"
    page.keyboard.press("2")
    page.wait_for_selector(".legend >> text=the largest of each output")


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


def test_a_character_of_several_tokens_is_one_box_in_stripes(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = make(["I", " 智", "", "", " go", " 能", "", "!"], 5, {(2, 0): 0.9, (3, 0): -0.5})
    tokens = [msgspec.structs.replace(token, word=None) for token in one.target]
    page = open_page(render_html(one.replace(target=tuple(tokens), source=tuple(tokens[:5]))))
    flow = page.locator(".flow.inputs")
    assert "∅" not in page.locator(".texts").inner_text()
    assert flow.locator(".char").count() == 1
    stripes = flow.locator(".char .stripe")
    assert [stripes.nth(i).get_attribute("title") for i in range(3)] == [f"智 byte {i} of 3" for i in (1, 2, 3)]
    page.locator(".outputs .stripe").first.click()
    assert card(page)[0] == "智 2/3 +0.9"
    assert card(page)[1] == "智 3/3 -0.5"
    assert background(stripes.nth(1)) == "rgb(163, 16, 42)"
    assert page.evaluate(ACCESSIBILITY) == []


def test_code_keeps_its_lines(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = make(["if", " x", ":", "\n\t\t", "return", "\n\n   ", " else", " y"], 7)
    page = open_page(render_html(one))
    tops = page.locator(".inputs .tok").evaluate_all(
        "all => all.map(e => e.getClientRects()[e.getClientRects().length - 1].top)"
    )
    lines = sorted(set(tops))
    assert len(lines) == 4 - 1, tops
    assert [lines.index(top) for top in tops] == [0, 0, 0, 1, 1, 2, 2]
    page.keyboard.press("w")
    page.wait_for_selector(".wf.mono")
    assert "mono" in page.locator(".flow").first.evaluate("e => getComputedStyle(e).fontFamily").lower()
    assert page.evaluate("location.hash") == "#mono=1"


def test_special_and_template_tokens_are_left_out_until_asked_for(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    texts = [
        "<|im_start|>",
        "user",
        "\n",
        "What",
        " now",
        "?",
        "<|im_end|>",
        "\n",
        "<|im_start|>",
        "assistant",
        "\n",
        "Go",
        ".",
    ]
    made = make(texts, 11, {(0, 0): 5.0, (1, 0): 3.0, (3, 0): 0.5})
    marked = tuple(
        msgspec.structs.replace(token, special=token.text.startswith("<|"), word=None) for token in made.target
    )
    segments = (
        Segment(side="target", start=0, end=8, kind="turn", label="user"),
        Segment(side="target", start=8, end=13, kind="turn", label="assistant"),
    )
    page = open_page(render_html(made.replace(target=marked, source=marked[:11], segments=segments)))
    assert page.locator(".inputs .tok").all_inner_texts() == ["What", "now", "?"]
    assert page.locator(".segment").all_inner_texts() == ["user", "assistant"]
    output(page, "Go").click()
    assert card(page)[0] == "What +0.5"
    assert background(page.locator(".inputs .tok").first) == "rgb(163, 16, 42)", "markers take no part in the scale"
    assert "special and template tokens left out" in page.locator(".legend").inner_text()
    page.keyboard.press("h")
    page.wait_for_selector(".inputs .tok >> text=<|im_start|>")
    output(page, "Go").click()
    assert card(page)[0] == "<|im_start|> +5"
    page.keyboard.press("h")
    page.get_by_label("Units").select_option("turn")
    page.wait_for_selector(".card >> text=user: What now?")


def test_what_a_template_writes_is_named_once_and_only_where_it_is_shown(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    made = make(["<|sys|>", "You", " help", "What", " now", "?", "Go", "."], 6, {(3, 0): 0.5})
    marked = tuple(msgspec.structs.replace(token, special=token.text.startswith("<|")) for token in made.target)
    segments = (
        Segment(side="target", start=0, end=3, kind="template", label="template"),
        Segment(side="target", start=3, end=6, kind="turn", label="user"),
    )
    page = open_page(render_html(made.replace(target=marked, source=marked[:6], segments=segments)))
    assert page.locator(".segment").all_inner_texts() == ["user"]
    page.keyboard.press("h")
    page.wait_for_selector(".inputs .tok >> text=<|sys|>")
    assert page.locator(".segment").all_inner_texts() == ["template", "user"]


def test_a_long_prompt_and_its_output_are_in_sight_together(open_page: Open, make: Callable[..., Attribution]) -> None:
    words = [f" word{i}" for i in range(360)]
    one = make(words, 300, {(3, 20): 0.9, (290, 21): 0.8}, id="long")
    for size in ((1280, 800), (390, 844), (2560, 1300)):
        page = open_page(render_html(one), hash_="#tok=21", viewport={"width": size[0], "height": size[1]})
        inside = "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; }"
        picked = page.locator(".outputs .picked")
        assert picked.evaluate(inside), size
        assert page.locator(".inputs .tok", has_text="word3").first.evaluate(inside), "the strongest input"
        assert page.locator(".inputs .tok *").count() == 0, "a token is one element"
        assert page.locator(".inputs .tok").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
        page.keyboard.press("ArrowRight")
        assert page.locator(".outputs .picked").evaluate(inside), size
        assert page.locator(".inputs .tok", has_text="word290").evaluate(inside), size
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scroll"
        page.locator(".card .name").nth(1).click()
        assert page.locator(".tok.found").count() == 1
        assert page.locator(".tok.found").evaluate(inside), "a line of the card leads to its token"
        boxes = [page.locator(f".pane.{name}").bounding_box() for name in ("in", "out")]
        beside = boxes[0]["y"] == boxes[1]["y"]  # type: ignore[index]
        assert beside == (size[0] > 1000)


def test_the_reading_view_is_exported_as_it_is_read(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital), hash_="#tok=3")
    svg = exported(page)["SVG"].decode()
    assert "colleagues" in svg
    assert 'fill="rgb(163, 16, 42)"' in svg, "the strongest input"
    assert "−0.62" in svg, "the legend is in it"
    assert "red + raises" in svg


def test_a_page_for_a_slide_has_no_controls_and_opens_at_a_step(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone, controls=False, step=2, height=300))
    assert page.locator(".outputs .picked").inner_text() == "hospital"
    for part in ("header", ".bar", ".list"):
        assert not page.locator(f".wf {part}").first.is_visible(), part
    assert page.locator(".legend").is_visible()
    box = page.locator(".wf.page").bounding_box()
    assert box is not None
    assert box["height"] <= 300
    page.keyboard.press("ArrowRight")
    assert page.locator(".outputs .picked").inner_text() == "."
    assert page.evaluate("location.hash") == "#tok=4"


def test_print_leaves_out_the_controls(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone))
    page.emulate_media(media="print")
    assert not page.locator(".controls").is_visible()
    assert not page.locator(".list").is_visible()
    assert page.locator(".flow").first.is_visible()


def test_what_is_not_told_from_chance_is_pale_in_every_view(open_page: Open, hospital: Attribution) -> None:
    """Two of the outputs are doubtful: pale when looked at alone or together, in what an input drove, and as words."""
    chance = np.full(len(hospital.steps), 0.01)
    chance[[0, 1]] = 0.5
    checked = hospital.replace(
        step_scores={**hospital.step_scores, "check_chance": chance}, step_aggregation={"check_chance": "max"}
    )

    def seen(one: Attribution) -> dict[str, float]:
        page = open_page(render_html(one))

        def strongest(kind: str) -> float:
            shades = page.locator(f".{kind} .tok").evaluate_all(
                "all => all.map((e) => getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number))"
            )
            return max((765 - sum(shade[:3]) for shade in shades if len(shade) < 4 or shade[3]), default=0)

        found = {}
        for name, first, last in (("told", 2, 2), ("doubtful", 1, 1), ("both", 0, 1), ("mixed", 1, 2)):
            page.keyboard.press("Escape")
            page.locator(".outputs .tok").nth(first).click()
            if last != first:
                page.locator(".outputs .tok").nth(last).click(modifiers=["Shift"])
            found[name] = strongest("inputs")
        page.keyboard.press("Escape")
        page.locator(".inputs .tok", has_text="come").click()
        found["driven"] = strongest("outputs")
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.locator(".outputs .tok").nth(0).click()
        found["word"] = strongest("inputs")
        return found

    plain, pale = seen(hospital), seen(checked)
    for name in ("told", "mixed"):
        assert pale[name] == plain[name], name
    for name in ("doubtful", "both", "word"):
        assert 0 < pale[name] < plain[name] / 2, name
    assert pale["driven"] <= plain["driven"]


def test_step_scores_and_numbers_are_in_sight_in_a_matrix(open_page: Open, make: Callable[..., Attribution]) -> None:
    names = ("probability", "entropy", "perplexity")
    one = make(
        [f" w{i}" for i in range(43)],
        23,
        {(0, 0): 0.5},
        step_scores={name: np.linspace(0.1, 0.9, 20) for name in names},
    )
    page = open_page(render_html(one, view="matrix"), viewport={"width": 1280, "height": 600})
    frame, cells = page.locator(".matrix .scroll"), page.locator(".matrix tbody td")
    assert re.fullmatch(r"-?0\.\d\d", cells.first.inner_text()), "numbers without a choice"

    def edge(part: str, side: str) -> float:
        return float(page.locator(f".matrix {part}").evaluate(f"e => e.getBoundingClientRect().{side}"))

    for name in names:
        heads = page.locator(".matrix tfoot th", has_text=name)
        assert heads.evaluate("e => e.getBoundingClientRect().bottom") <= edge(".scroll", "bottom") + 1, name
    frame.focus()
    for _ in range(25):
        page.keyboard.press("ArrowDown")
    assert edge("td.cross", "bottom") <= edge("tfoot", "top") + 1, "the crosshair is above them"


def test_of_many_step_scores_the_first_are_in_sight(open_page: Open, make: Callable[..., Attribution]) -> None:
    scores = {f"score {i}": np.linspace(0.1, 0.9, 4) for i in range(12)}
    page = open_page(render_html(make([f" w{i}" for i in range(40)], 36, step_scores=scores), view="matrix"))
    foot, frame = (page.locator(f".matrix {part}").bounding_box() for part in ("tfoot", ".scroll"))
    assert foot is not None
    assert frame is not None
    assert foot["y"] - frame["y"] > frame["height"] / 3, "cells are in sight too"
    assert frame["y"] + frame["height"] - foot["y"] > 200


def test_zooming_brings_numbers_and_leaves_the_caption(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make([f" w{i}" for i in range(70)], 40, {(0, 0): 0.5}), view="matrix"))
    size = "e => [getComputedStyle(e).fontSize, e.scrollWidth <= e.clientWidth]"
    cell, caption = page.locator(".matrix tbody td").first, page.locator(".matrix caption")
    before = caption.evaluate(size)
    assert cell.inner_text() in ("", "−"), "thirty columns are too many for numbers at this size"
    for _ in range(8):
        page.keyboard.press("+")
    assert re.fullmatch(r"-?0\.\d\d", cell.inner_text())
    assert caption.evaluate(size) == before
    assert before[1], "the caption is not cut"


def test_exports_of_a_matrix_have_its_colours_and_signs_only_where_there_are_signs(
    open_page: Open, hospital: Attribution
) -> None:
    sizes = np.abs(np.asarray(hospital.target_attributions))
    for one, top, low in (
        (hospital, "+0.62", "−0.62"),
        (hospital.replace(signed=False, target_attributions=sizes), "0.62", "0"),
    ):
        files = exported(open_page(render_html(one, view="matrix")))
        svg = files["SVG"].decode()
        assert svg.count('height="13"') >= 9, "a ramp"
        assert f">{low}</text>" in svg
        assert f">{top}</text>" in svg
        (line,) = [line for line in files["Markdown"].decode().splitlines() if line.startswith("| sick ")]
        assert f" {top} |" in line
        assert ("+" in line) == one.signed


def test_a_line_begins_with_no_blank_and_blanks_are_faint(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make(["in", "\n", " on", " ", "25", "\n\n", " at", " go"], 7)))
    lefts = {
        text: page.locator(".inputs .tok", has_text=text).evaluate("e => e.getBoundingClientRect().left")
        for text in ("in", "on", "at")
    }
    assert len(set(lefts.values())) == 1, lefts
    mark = page.locator(".inputs .mark", has_text="␣")
    assert float(mark.evaluate("e => getComputedStyle(e).opacity")) < 0.7


def test_what_is_read_alone_has_a_scale_of_its_own(open_page: Open, hospital: Attribution) -> None:
    """The best of one output, or of one input, is as strong as the best of all: else most of a text stays pale."""
    page = open_page(render_html(hospital))
    strong = "rgb(163, 16, 42)"
    output(page, "to").click()
    assert darkest(page) == pytest.approx((0.41, 0.41), rel=6e-3)
    assert background(page.locator(".inputs .tok", has_text="come")) == strong
    page.locator(".inputs .tok", has_text="yesterday").click()
    bound, top = darkest(page)
    assert bound == pytest.approx(top, rel=6e-3)
    page.locator("details.display summary").click()
    page.get_by_label("Scale").select_option("example")
    page.keyboard.press("Escape")
    output(page, "to").click()
    assert darkest(page) == pytest.approx((0.62, 0.41), rel=6e-3), "comparable between outputs, on request"
    assert page.evaluate("location.hash") == "#tok=1&sc=example"
    page.keyboard.press("2")
    page.wait_for_selector(".matrix table")
    assert "0.62" in page.locator(".legend .scale").inner_text()


def test_compared_examples_are_named_by_what_tells_them_apart(open_page: Open, hospital: Attribution) -> None:
    for names, one, other in (
        ("hospital · integrated_gradients|hospital · occlusion", hospital, hospital.replace(method="occlusion")),
        (
            "1 · integrated_gradients|2 · occlusion",
            hospital.replace(id=None),
            hospital.replace(id=None, method="occlusion"),
        ),
        ("hospital|flipped", hospital, hospital.replace(id="flipped")),
    ):
        a, b = names.split("|")
        page = open_page(render_html([one, other], view="compare"), hash_="#cm=difference")
        caption = page.locator(".compare caption")
        assert caption.inner_text().startswith(f"A − B of {a} and {b}: how much each input is more in A (+)")
        assert page.locator(".names").inner_text().startswith(f"A {a}")
        for matrix, name in (("matrix A", f"A, {a}: "), ("matrix B", f"B, {b}: ")):
            page.get_by_text(matrix, exact=True).click()
            expect(caption).to_contain_text(name)
        svg = exported(page)["SVG"].decode()
        assert f">B, {b}" in svg
        assert svg.count("integrated_gradients") == int(one.method == other.method), "not the method of the other"


def test_a_number_stands_after_its_right_to_left_word(open_page: Open, make: Callable[..., Attribution]) -> None:
    words = ["המלך", " אמר", " לעם", ":", " 25", " שלום", " (", " ok", " טוב"]
    page = open_page(render_html(make(words, 4), view="steps"))
    ordered = page.locator(".chip").evaluate_all(
        """all => all.map(chip => {
            const range = document.createRange();
            range.selectNode(chip.lastChild);
            return chip.querySelector("bdi").getBoundingClientRect().right <= range.getBoundingClientRect().left + 1;
        })"""
    )
    assert len(ordered) == 15
    assert all(ordered)


def test_compared_texts_keep_lines_and_name_no_byte_empty(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = make(["if", " x", ":", "\n\t\t", "return", " 智", "", "", "\n", " y", "!"], 9, {(2, 0): 0.9})
    tokens = tuple(msgspec.structs.replace(token, word=None) for token in one.target)
    one = one.replace(target=tokens, source=tokens[:9])
    page = open_page(render_html([one, one.replace(method="occlusion")], view="compare"))
    page.get_by_role("button", name="!", exact=True).click()
    flow = page.locator(".compare .flow").first
    assert flow.inner_text().split("\n") == ["if x:⏎", "⇥⇥return 智··⏎", "y"]
