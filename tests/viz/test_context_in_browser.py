"""The context page in a real browser, offline, worked by keyboard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wherefrom.context import ContextAttribution, CueAttribution
from wherefrom_viz.context import render_context_html

from tests.needed import needed

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and not os.environ.get("CI"), reason=f"there is no Chromium at {CHROMIUM}"
    ),
]


def test_arrows_and_clicks_pin_tokens(tmp_path: Path) -> None:
    sync_playwright = needed("playwright.sync_api", "extras").sync_playwright

    cues = [
        CueAttribution(
            cti_idx=index,
            cti_token=token,
            cti_score=score,
            contextual_output=token,
            input_context_scores=[0.1 + index, 0.9 - index],
        )
        for index, token, score in ((1, "▁b", 4.0), (0, "▁a", 2.0))
    ]
    result = ContextAttribution(
        input_context="he ran",
        input_context_tokens=["▁he", "▁ran"],
        output_current="a b",
        output_current_tokens=["▁a", "▁b"],
        cti_scores=[2.0, 4.0],
        cci_scores=cues,
    )
    path = tmp_path / "page.html"
    path.write_text(render_context_html(result), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(offline=True).new_page()
        page.set_default_timeout(5_000)
        page.goto(path.as_uri())
        panels = page.locator(".panel")
        assert [panels.nth(i).is_visible() for i in range(2)] == [True, False]
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        assert [panels.nth(i).is_visible() for i in range(2)] == [False, True]
        page.get_by_text("b", exact=True).first.click()
        assert [panels.nth(i).is_visible() for i in range(2)] == [True, False]
        browser.close()
