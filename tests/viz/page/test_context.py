"""The context page in a real browser, offline: the app of all pages, and what stands there without scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wherefrom.context import ContextAttribution, ContextPart, CueAttribution, SentenceSupport
from wherefrom_viz.context import render_context_html

from tests import axe
from tests.viz.page.reader import Open

pytestmark = pytest.mark.browser


def context_example() -> ContextAttribution:
    """Two documents, an output of four tokens, two of which depend on the context, and a citation."""
    words = ["George", " was", " sick", ".", " Ann", " was", " well", "."]
    cues = [
        CueAttribution(
            cti_idx=index,
            cti_token=token,
            cti_score=score,
            contextual_output="to the hospital .",
            contrast_token=other,
            contextless_output=None if other is None else f"to the{other}",
            input_context_scores=scores,
            p_value=0.01,
        )
        for index, token, score, other, scores in (
            (2, " hospital", 8.0, " office", [0.1, 0.05, 0.9, 0.0, 0.0, 0.0, 0.1, 0.0]),
            (0, " to", 2.0, None, [0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0]),
        )
    ]
    return ContextAttribution(
        input_context="".join(words),
        input_context_tokens=words,
        input_context_texts=words,
        output_current="to the hospital.",
        output_current_tokens=[" to", " the", " hospital", "."],
        output_current_texts=[" to", " the", " hospital", "."],
        cti_scores=[2.0, 0.1, 8.0, 0.0],
        cci_scores=cues,
        info={"context_sensitivity_metric": "kl_divergence", "attribution_method": "saliency", "fpr": 0.05},
        parts=[
            ContextPart(text="George was sick.", id="a", title="Note", start=0, end=4),
            ContextPart(text="Ann was well.", id="b", start=4, end=8),
        ],
        sentences=[
            SentenceSupport(
                text="to the hospital.", start=0, end=4, necessity=[2.0, -0.1], sufficiency=[1.0, -0.2], citations=[0]
            )
        ],
        support_threshold=0.693,
    )


def test_the_page_is_the_app_with_cues_documents_and_citations(open_page: Open) -> None:
    page = open_page(render_context_html(context_example()))
    assert page.get_by_role("tab").all_inner_texts() == ["Read", "Matrix", "Steps", "Citations"]
    assert page.locator(".outputs .cue").all_inner_texts() == ["to", "hospital"]
    assert page.locator(".outputs .picked").inner_text() == "hospital", "the most sensitive one is pinned"
    card = page.locator(".card").inner_text()
    assert "without context: office" in card
    assert "p 0.01" in card
    assert page.locator(".inputs .segment").all_inner_texts() == ["document: [a] Note", "document: [b]"]
    shares = page.get_by_role("navigation", name="Documents").locator("li").all_inner_texts()
    assert [" ".join(one.split()) for one in shares] == ["[a] Note 91 %", "[b] 9 %"]
    page.get_by_role("navigation", name="Documents").get_by_role("button", name="[b]").click()
    assert page.locator(".inputs .found").inner_text() == "Ann"
    page.keyboard.press("ArrowRight")
    assert "does not stand out" in page.locator(".card").inner_text()
    page.keyboard.press("Escape")
    assert "2 of 4 output tokens depend on the context" in page.locator(".card").inner_text()


def test_citations_have_a_tab_a_legend_and_exports(open_page: Open) -> None:
    page = open_page(render_context_html(context_example()))
    page.keyboard.press("4")
    assert page.locator(".citations tbody td").all_inner_texts() == ["+2.00*", "-0.10"]
    assert page.locator(".legend .scale").get_attribute("data-bound") == "2"
    assert "log-probability of the sentence" in page.locator(".legend").inner_text()
    page.locator("details.export summary").click()
    with page.expect_download() as download:
        page.locator("details.export button", has_text="TSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].split("\t") == ["side", "input", "[a] Note", "[b]"]
    assert lines[1].split("\t")[1:] == ["to the hospital.", "2", "-0.1"]
    page.locator("[data-key=n]").select_option("step")
    with page.expect_download() as download:
        page.locator("details.export button", has_text="JSON").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert (told["normalization"], told["granularity"], "merge" in told) == ("none", "sentence", False), "in nats"
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert page.locator(".wf").get_attribute("data-theme") == "light"


def test_a_link_opens_citations_and_a_result_without_them_has_no_such_tab(open_page: Open) -> None:
    page = open_page(render_context_html(context_example()), hash_="#tab=citations")
    assert page.locator(".citations").is_visible()
    plain = context_example().replace(sentences=[], parts=[])
    page = open_page(render_context_html(plain), hash_="#tab=citations")
    assert page.get_by_role("tab").all_inner_texts() == ["Read", "Matrix", "Steps"]
    assert not page.get_by_role("navigation", name="Documents").is_visible()


def test_a_cell_of_a_notebook_has_it_too(open_page: Open) -> None:
    page = open_page(f"<!doctype html><body>{render_context_html(context_example(), standalone=False)}</body>")
    assert page.locator(".outputs .cue").all_inner_texts() == ["to", "hospital"]


def test_without_scripts_arrows_and_clicks_pin_tokens(open_page: Open) -> None:
    page = open_page(render_context_html(context_example()), wait=".panel", java_script_enabled=False)
    panels = page.locator(".panel")
    assert [panels.nth(i).is_visible() for i in range(2)] == [True, False]
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert [panels.nth(i).is_visible() for i in range(2)] == [False, True]
    page.get_by_text("hospital", exact=True).first.click()
    assert [panels.nth(i).is_visible() for i in range(2)] == [True, False]


@pytest.mark.heavy
def test_axe_finds_nothing(open_page: Open) -> None:
    html = render_context_html(context_example())
    for scheme in ("light", "dark"):
        for width in (390, 1280):
            look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "bypass_csp": True}
            page = open_page(html, **look)
            for key in "1234":
                page.keyboard.press(key)
                assert axe.violations(page) == [], (scheme, width, key)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
