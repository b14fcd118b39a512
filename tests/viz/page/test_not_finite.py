"""Numbers that are not finite keep no page from being made, nor from being read."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from wherefrom.errors import WherefromError
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import render_html, save_site

from tests.viz.page.reader import VIEWS, Open, exported, output, show

NOT_FINITE = (float("nan"), float("inf"), float("-inf"))


def unsure(one: Attribution, value: float, *places: int) -> Attribution:
    """The result with a probability, and an entropy, that are no numbers at some places."""
    scores = np.array(one.step_scores["probability"])
    scores[list(places)] = value
    return one.replace(step_scores={"probability": scores, "entropy": scores})


@pytest.mark.browser
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_page_is_read_in_every_tab(open_page: Open, hospital: Attribution, value: float) -> None:
    html = render_html([unsure(hospital, value, 1), unsure(hospital, value, 0, 1, 2, 3), hospital])
    page = open_page(html, hash_="#tok=2")
    told = "n/a" if math.isnan(value) else str(value)
    assert f"probability {told}" in page.locator(".card .facts").first.inner_text()
    for tab in VIEWS:
        show(page, tab)
    show(page, "steps")
    for _ in range(2):
        page.get_by_role("button", name="probability").click()
    assert page.locator(".steps tbody tr").count() == 4
    assert page.locator(".sparks figcaption").first.inner_text().startswith("probability: 0.")
    files = exported(page)
    assert json.loads(files["JSON"])["step_scores"]["probability"][1] is None
    (steps,) = [line for line in files["TSV"].decode().split("\n") if line.startswith("step\tprobability\t")]
    assert [bool(cell) for cell in steps.split("\t")[2:]] == [True, False, True, True]
    page.locator("select[aria-label='Sort examples']").select_option("doubt")
    assert page.locator(".line").count() == 3
    page.evaluate("location.hash = '#ex=2&tab=read'")
    page.wait_for_selector(".place >> text=2 of 3")
    assert output(page, "hospital").is_visible()
    show(page, "steps")
    assert page.locator(".sparks figcaption").all_inner_texts() == ["probability: n/a", "entropy: n/a"]
    assert page.locator(".sparks svg").first.get_attribute("aria-label") == "probability: n/a"


@pytest.mark.parametrize("value", NOT_FINITE)
def test_every_kind_of_page_is_made(tmp_path: Path, hospital: Attribution, value: float) -> None:
    one = unsure(hospital, value, 1)
    assert one.to_html()
    assert one._repr_mimebundle_()["text/html"]
    results = Attributions(sequence_attributions=(one, unsure(hospital, value, 0, 1, 2, 3)))
    assert results.to_html(highlight="probability")
    folder = save_site(results, tmp_path / "site")
    lines = json.loads(zlib.decompress((folder / "list" / "0.bin").read_bytes()))
    assert [line[4] for line in lines] == [None, None], "as in every list of examples"


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("name", ["min_val", "max_val", "intensity"])
def test_settings_that_are_no_numbers_are_refused(hospital: Attribution, name: str, value: float) -> None:
    with pytest.raises(WherefromError, match="finite number"):
        render_html(hospital, **{name: value})
