"""A token has one name: the page calls it as the console, the terminal browser and pictures do."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from wherefrom_viz import render_html
from wherefrom_viz.describe.description import describe
from wherefrom_viz.describe.units import Level

from tests.needed import needed
from tests.viz.conftest import causal

needed("playwright", "extras")
from playwright.sync_api import Browser  # noqa: E402

PIECES = [
    *("क", "\u200d", "I", " go", ".", " ", "  ", "\n", "\n\n", "\t", " \n", "\u00a0", "é", "e\u0301", "\u200b", "�"),
    *("नदी", " के", "क", "\u094d", " था।", "智", " 能", "👩‍🔬", "السلام", " عليكم", "ש", "\u202e", "<b>", "[/red]"),
    *("।", "ै", "،", "ﷺ", "❤\ufe0f"),
    *[""] * 15,
]
"""Texts of tokens; an empty one is a later byte of the character before, or of one that never came to its end."""


def compared(label: str, level: Level) -> str:
    """Between the tokens of a unit the page has spaces, where one-line names have marks."""
    return label if level == "token" else re.sub("[␣ ]+", "", label)


@pytest.mark.browser
@pytest.mark.parametrize("level", ["token", "word", "sentence"])
@pytest.mark.parametrize("seed", range(4))
def test_the_page_names_units_as_python_does(seed: int, level: Level, tmp_path: Path, chromium: Browser) -> None:
    texts = random.Random(seed).choices(PIECES, k=60)
    result = causal(texts, 40)
    described = describe(result, granularity=level)
    path = tmp_path / "page.html"
    path.write_text(render_html(result, view="matrix"), "utf-8")
    page = chromium.new_page(viewport={"width": 1600, "height": 1200})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.goto(f"{path.as_uri()}#g={level}")
    page.wait_for_selector(".matrix tbody th")
    rows = page.locator(".matrix tbody th").evaluate_all("all => all.map(one => [one.dataset.row, one.textContent])")
    columns = page.locator(".matrix thead th[data-col]").evaluate_all("all => all.map(one => one.textContent)")
    page.close()
    assert errors == []
    assert [compared(name, level) for name in columns] == [compared(unit.label, level) for unit in described.steps]
    assert len(rows) > (50 if level == "token" else 1)
    names = [compared(described.inputs[int(row)].label, level) for row, _ in rows]
    assert [compared(name, level) for _, name in rows] == names
