"""The page in a real browser. The matrix: a table, and for large examples a canvas."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_html

from tests.viz.page.reader import Open, Page

pytestmark = pytest.mark.browser


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


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        values = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in values]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


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
