"""The page in a real browser. What the colours and the numbers are on is what is said beside them."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import describe, render_html

from tests.viz.page.reader import Open, Page, exported

pytestmark = pytest.mark.browser


def legend_of(page: Page) -> tuple[float, str]:
    """The score of the strongest colour, and which scale that is."""
    bound = float(page.locator(".legend .scale").first.get_attribute("data-bound") or "nan")
    (scale,) = re.findall("scale: ([^·]+?) ·", page.locator(".legend").inner_text())
    return bound, scale


def test_the_scale_that_is_named_is_the_one_that_is_used(open_page: Open, hospital: Attribution) -> None:
    larger = hospital.replace(target_attributions=np.asarray(hospital.target_attributions) * 10, id="larger")
    page = open_page(render_html([hospital, larger], share_scale=True, granularity="word", view="matrix"))
    shared = describe(larger, granularity="word").scale.bound
    assert legend_of(page) == (pytest.approx(shared, rel=1e-3), "all examples")
    page.evaluate("location.hash = '#tab=matrix&g=sentence'")
    page.wait_for_function("document.querySelector('.legend').innerText.includes('this example')")
    own = describe(hospital, granularity="sentence").scale.bound
    assert legend_of(page) == (pytest.approx(own, rel=1e-3), "this example")
    page.evaluate("location.hash = '#tab=read&sc=robust'")
    page.wait_for_function("document.querySelector('.legend').innerText.includes('what is shown')")


def test_ends_of_the_colours_hold_in_the_text_too(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital, max_val=5.0, min_val=-1.0))
    assert legend_of(page)[0] == 5.0
    page.evaluate("location.hash = '#tok=3'")
    page.wait_for_selector(".outputs .picked")
    assert legend_of(page) == (5.0, "this example")


def test_a_range_that_scores_go_beyond_says_so(open_page: Open, hospital: Attribution, long: Attribution) -> None:
    for view in ("matrix", "read"):
        page = open_page(render_html(hospital, max_val=0.1, min_val=-0.1, view=view))
        assert page.locator(".legend .scale").inner_text().endswith(" +0.1 and above")
        assert "+0.1 and above" in exported(page)["SVG"].decode()
    flipped = hospital.replace(target_attributions=-np.asarray(hospital.target_attributions))
    page = open_page(render_html(flipped, max_val=0.1, min_val=-0.1, view="matrix"))
    assert page.locator(".legend .scale").inner_text().startswith("−0.1 and below ")
    page = open_page(render_html(hospital, view="matrix"))
    assert "and above" not in page.locator(".legend").inner_text()
    page = open_page(render_html(long, view="matrix"), hash_="#sc=robust")
    assert page.locator(".legend .scale").inner_text().endswith(" and above")


def test_exports_are_as_pale_as_the_screen_and_name_their_power_of_ten(open_page: Open, hospital: Attribution) -> None:
    scores = np.array(hospital.target_attributions, dtype=np.float64) * 0.12
    scores[3, 3] = np.nan
    chance = np.array([0.01, 0.01, 0.5, 0.01])
    one = hospital.replace(target_attributions=scores, step_scores={"check_chance": chance})
    page = open_page(render_html(one, view="matrix", precision="exact"))
    cell = page.locator("td[data-r='2'][data-c='2']")
    files = exported(page)
    svg = files["SVG"].decode()
    assert "× 10^-2" in svg
    assert 0.01 * float(cell.inner_text()) == pytest.approx(0.62 * 0.12, rel=0.02)
    shown = cell.evaluate("e => getComputedStyle(e).backgroundColor")
    assert f'height="22" fill="{shown}"' in svg
    strong = open_page(render_html(one.replace(step_scores={}), view="matrix", precision="exact"))
    full = strong.locator("td[data-r='2'][data-c='2']").evaluate("e => getComputedStyle(e).backgroundColor")
    assert full != shown
    assert f'height="22" fill="{full}"' not in svg
    assert json.loads(files["JSON"])["scores"][3][3] is None
    yesterday = next(line for line in files["TSV"].decode().split("\n") if "\tyesterday\t" in line)
    assert yesterday.split("\t")[-1] == ""
    each = open_page(render_html(one), hash_="#tab=matrix&sc=step")
    assert "the largest of each output" in exported(each)["SVG"].decode()


def test_norms_over_units_have_no_sign_on_the_page(open_page: Open, hospital: Attribution) -> None:
    scores = -np.asarray(hospital.target_attributions)
    one = hospital.replace(target_attributions=scores)
    page = open_page(render_html([one, one], granularity="word", merge="l2", view="matrix"))
    legend = page.locator(".legend").inner_text()
    assert "stronger colour: more influence on" in legend
    assert "raises" not in legend
    assert not page.locator("td[data-r='2'][data-c='2']").inner_text().startswith("+")
    page.evaluate("location.hash = '#tab=compare&g=word&m=l2'")
    page.wait_for_selector(".compare .agree")
    assert "raises" not in page.locator(".legend").inner_text()
    page.evaluate("location.hash = '#tab=matrix&g=token&m=l2'")
    page.wait_for_selector(".matrix table")
    page.wait_for_function("document.querySelector('.legend').innerText.includes('raises')")


@pytest.mark.parametrize("options", [{"share_scale": True}, {"max_val": 150.0}])
def test_a_wide_range_of_colours_takes_no_digits_from_numbers(
    open_page: Open, hospital: Attribution, options: dict[str, Any]
) -> None:
    small = hospital.replace(target_attributions=np.asarray(hospital.target_attributions) * 1e-3, id="small")
    page = open_page(render_html([small, hospital], view="matrix", **options))
    assert "6.20" in page.locator(".matrix tbody td").all_inner_texts()
    assert "numbers in cells × 10^-4" in page.locator(".status").inner_text()
    picture = exported(page)["SVG"].decode()
    assert ">6.20</text>" in picture
    assert "numbers in cells × 10^-4" in picture
