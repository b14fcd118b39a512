"""The page in a real browser. A step that was compared with another token carries both names, as in every view."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import describe, render_html
from wherefrom_viz.page import pack, unpack

from tests.viz.page.reader import Open, card, exported, output, show
from tests.viz.test_trace_views import traced

pytestmark = pytest.mark.browser

BOTH = "clinic → hospital"


def contrasted(one: Attribution, **others: str) -> Attribution:
    """The result with steps, known by their text, that were compared with other tokens."""
    pairs = [
        {"step": step.position, "target": step.text, "contrast": others[step.text.strip()]}
        for step in one.steps
        if step.text.strip() in others
    ]
    return one.replace(details={"contrast": {"pairs": pairs}})


def test_every_tab_names_both(open_page: Open, hospital: Attribution) -> None:
    one = contrasted(hospital, hospital=" clinic", to=" to")
    labels = [unit.label for unit in describe(one).steps]
    assert labels == ["to", "the", BOTH, "."]
    page = open_page(render_html(one))
    assert output(page, "hospital").inner_text() == "hospital", "the text stays as it is"
    output(page, "hospital").click()
    assert page.locator(".card h2").inner_text() == f"{BOTH} comes from"
    assert page.locator(".live").inner_text().startswith(f"{BOTH}, probability")
    page.locator(".inputs .tok", has_text="sick").click()
    assert card(page)[0].startswith(BOTH)
    show(page, "matrix")
    assert page.locator(".matrix thead th").all_inner_texts() == labels
    assert "hospital" in page.locator(".matrix tbody th").all_inner_texts(), "as an input it is one token"
    show(page, "steps")
    assert page.locator(".steps button.token").all_inner_texts() == labels
    assert "clinic → hospital" in exported(page)["Markdown"].decode().replace("\\", "")


def test_a_word_is_named_by_its_text(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(contrasted(hospital, hospital=" clinic")), hash_="#tab=matrix&g=word")
    assert BOTH not in page.locator(".matrix thead th").all_inner_texts()


def test_a_comparison_names_both(open_page: Open, hospital: Attribution, make: Callable[..., Attribution]) -> None:
    one = contrasted(hospital, hospital=" clinic")
    page = open_page(render_html([one, hospital.replace(id="plain")], view="compare"), hash_="#tok=3&cm=a")
    heads = page.locator(".compare thead th")
    assert heads.nth(2).inner_text() == BOTH
    page.get_by_text("matrix B", exact=True).click()
    assert heads.nth(2).inner_text() == "hospital"
    page.get_by_text("texts", exact=True).click()
    assert page.locator(".chosen").inner_text() == f"Where {BOTH} comes from:"


def test_hops_of_a_trace_are_named_alone() -> None:
    one = traced()
    pairs = [{"step": one.steps[0].position, "target": " bark", "contrast": " meow"}]
    one = one.replace(details={**one.details, "contrast": {"pairs": pairs}})
    ((header, _),) = unpack(pack([(one, one.provenance)]).blocks[0])
    assert "vs" not in header
