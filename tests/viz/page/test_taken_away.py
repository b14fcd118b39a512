"""The page in a real browser. What is taken away from a page: files, paper, slides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from wherefrom.evaluation import Evaluation, Measurement
from wherefrom.evaluation.records import MetricFacts
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import render_html
from wherefrom_viz.context import render_context_html
from wherefrom_viz.describe.description import PALE, describe
from wherefrom_viz.page.evaluation import render_evaluation_html

from tests.viz.conftest import marked_chat
from tests.viz.page.reader import Open, Page, exported
from tests.viz.test_context import made as context_result

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize("view", ["matrix", "read"])
def test_pictures_say_what_is_pale(open_page: Open, hospital: Attribution, view: str) -> None:
    for chance, pale in ((0.6, True), (0.01, False)):
        steps = {"check_chance": np.array([0.01, chance, 0.01, 0.01])}
        page = open_page(render_html(hospital.replace(step_scores=steps), view=view), hash_="#tok=2")
        assert (PALE in exported(page)["SVG"].decode()) == pale


def rows_of(tsv: bytes) -> list[tuple[str, list[float]]]:
    """Name and scores of each input."""
    lines = [line.split("\t") for line in tsv.decode().strip("\n").split("\n")[1:]]
    return [(name, [float(value or 0) for value in values]) for side, name, *values in lines if side != "step"]


@pytest.mark.parametrize("view", ["matrix", "compare"])
def test_files_of_numbers_have_what_the_page_hides_and_pictures_say_that_it_is_left_out(
    open_page: Open, view: str
) -> None:
    one = marked_chat().aggregate("normalize")
    html = render_html([one, one.replace(method="saliency")], view=view)
    for hide in (True, False):
        page = open_page(html, hash_=f"#cm=a&h={int(hide)}")
        page.wait_for_selector(".matrix table")
        assert (page.locator(".matrix tbody th").first.inner_text() == "What") == hide
        files = exported(page)
        rows = rows_of(files["TSV"])
        assert rows[0][0] == "<|im_start|>"
        assert np.sum([scores for _, scores in rows], axis=0) == pytest.approx(1.0, abs=1e-3)
        found = json.loads(files["JSON"])
        assert [row["text"] for row in found["inputs"]] == [unit.label for unit in describe(one).inputs][: len(rows)]
        assert len(found["a" if view == "compare" else "scores"]) == len(found["inputs"]) == len(one.target) - 1
        assert files["Markdown"].decode().count("im\\_start") == 2
        picture = files["SVG"].decode()
        assert ("special and template tokens left out" in picture) == hide
        assert ("im_start" in picture) == (not hide)


WIDE, SHEET = 718, {"viewport": {"width": 718, "height": 1000}}
"""An A4 sheet's width between a browser's margins, in CSS pixels."""
LOST_ON_PAPER = """() => {
  const seen = (e) => e.checkVisibility() && !e.closest(".live, dialog");
  const bad = [];
  for (const e of [...document.querySelectorAll("body *")].filter(seen)) {
    const { position, overflowX, overflowY, textOverflow, display } = getComputedStyle(e);
    if (position === "sticky" || position === "fixed") bad.push(`moves: ${e.tagName}.${e.className}`);
    if (textOverflow === "ellipsis" || display === "inline") continue;
    const wider = e.scrollWidth > e.clientWidth + 1 && overflowX !== "visible";
    const higher = e.scrollHeight > e.clientHeight + 1 && overflowY !== "visible";
    if (wider || higher) bad.push(`cut: ${e.tagName}.${e.className}`);
  }
  return bad;
}"""


def long_texts(make: Callable[..., Attribution], prompt: int, steps: int) -> Attribution:
    return make([f" word{place}" for place in range(prompt + steps)], prompt)


def printed(page: Page) -> None:
    """Lay the page out as a browser does before it prints."""
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", reduced_motion="reduce")


@pytest.mark.parametrize(
    "prompt, steps, options, hash_",
    [
        pytest.param(300, 12, {}, "#tok=4", id="read"),
        pytest.param(60, 8, {"view": "matrix"}, "", id="matrix"),
        pytest.param(5, 55, {"view": "matrix"}, "#num=1", id="wide matrix"),
        pytest.param(60, 30, {"view": "steps"}, "", id="steps"),
        pytest.param(60, 8, {"controls": False, "height": 300}, "#tab=matrix", id="slide"),
    ],
)
def test_nothing_is_lost_on_paper(
    open_page: Open, make: Callable[..., Attribution], prompt: int, steps: int, options: dict[str, Any], hash_: str
) -> None:
    page = open_page(render_html(long_texts(make, prompt, steps), **options), hash_=hash_, **SHEET)
    assert page.evaluate(LOST_ON_PAPER), "on a screen it scrolls"
    printed(page)
    assert page.evaluate(LOST_ON_PAPER) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDE


def test_matrices_of_a_comparison_are_whole_on_paper(
    open_page: Open, make: Callable[..., Attribution], hospital: Attribution
) -> None:
    one = long_texts(make, 60, 8)
    page = open_page(
        render_html([one, one.replace(method="saliency")], view="compare"), hash_="#cm=difference", **SHEET
    )
    page.wait_for_selector(".compare .matrix table")
    printed(page)
    assert page.evaluate(LOST_ON_PAPER) == []


def test_a_canvas_says_what_of_it_is_printed(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(long_texts(make, 400, 20), view="matrix"))
    assert "paper holds what is in sight" in page.locator(".matrix").inner_text()
    assert len(re.findall(rb"/Type ?/Page\b", page.pdf(format="A4"))) == 1, "no blank sheets"
    page.get_by_role("button", name="Show as a table").click()
    printed(page)
    assert page.locator(".matrix tbody tr").count() == 419
    assert page.evaluate(LOST_ON_PAPER) == []


def test_paper_says_that_there_are_other_examples(open_page: Open, everyone: Attributions) -> None:
    page = open_page(render_html(everyone))
    printed(page)
    assert page.locator(".turn").inner_text() == f"1 of {len(everyone)}"


def test_tables_without_scripts_are_whole_on_paper(open_page: Open, make: Callable[..., Attribution]) -> None:
    texts = [f" ratherlongword{place}" for place in range(60)]
    page = open_page(render_html(make(texts, 20)), wait=".wf-static", java_script_enabled=False, **SHEET)
    page.emulate_media(media="print")
    assert page.locator(".wf-static").evaluate("e => getComputedStyle(e).overflowX") == "visible"
    wide = page.locator(".wf-static table").evaluate("e => e.scrollWidth")
    assert wide <= 2 * WIDE, "browsers shrink a page to half of its size at most"


def test_pages_of_evaluations_and_contexts_are_whole_on_paper(open_page: Open) -> None:
    metrics = [f"a_metric_of_a_long_name_{place}" for place in range(12)]
    evaluation = Evaluation(
        measurements=tuple(
            Measurement(method="occlusion", metric=metric, removal="delete", example=example, span=(1, 2), value=0.5)
            for metric in metrics
            for example in range(2)
        ),
        metrics={metric: MetricFacts(higher_is_better=True) for metric in metrics},
        methods=("occlusion",),
        removals=("delete",),
    )
    words = [f" word{place}" for place in range(200)]
    cue = msgspec.structs.replace(context_result().cci_scores[0], input_context_scores=[0.1] * len(words))
    context = context_result(
        input_context="".join(words), input_context_tokens=words, input_context_texts=words, cci_scores=[cue]
    )
    for html in (render_evaluation_html(evaluation), render_context_html(context)):
        page = open_page(html, wait="table", java_script_enabled=False, **SHEET)
        page.emulate_media(media="print")
        assert page.evaluate(LOST_ON_PAPER) == []
        for folded in page.locator("details .flow").all():
            assert "word199" in folded.inner_text()
            assert folded.is_visible()


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
