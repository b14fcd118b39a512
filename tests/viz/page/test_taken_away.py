"""The page in a real browser. What is taken away from a page: files, paper, slides."""

from __future__ import annotations

import json

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import render_html

from tests.viz.page.reader import Open, exported

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
