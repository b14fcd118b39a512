"""The page in a real browser. A search finds whatever an example's text holds, however long that is."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz import render_html, render_notebook, save_site
from wherefrom_viz.page import site
from wherefrom_viz.page.document import NOTEBOOK_BYTES
from wherefrom_viz.page.packing import _SNIPPET

from tests.viz.page.reader import Open

WORDS = [f" w{place}" for place in range(60)]


def long_one(make: Callable[..., Attribution], *end: str) -> Attribution:
    """A long prompt, and an output of so many words again."""
    return make([*WORDS, " needle", *WORDS, *end], 61, id="L")


@pytest.mark.browser
def test_all_of_both_sides_is_searched(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution], translation: Attribution
) -> None:
    examples = [hospital, long_one(make, " Straw", " end"), translation]
    page = open_page(render_html(examples))
    for query, names in (
        ("needle", ["L"]),
        ("straw END w59", ["L"]),
        ("hospital", ["hospital"]),
        ("designer", ["translation"]),
        ("needle sick", []),
    ):
        page.keyboard.press("/")
        page.locator("input[type=search]").fill(query)
        assert page.locator(".count").inner_text() == f"{len(names)} of 3", query
        assert page.locator(".line .name").all_inner_texts() == names
        page.keyboard.press("Escape")
    page.locator("input[type=search]").fill("needle")
    shown = page.locator(".line .text").inner_text()
    assert "needle" not in shown
    assert shown.endswith("…"), "what is shown stays short"
    assert len(shown) <= _SNIPPET + 1
    page.locator(".line").click()
    page.wait_for_selector(".inputs >> text=needle")


@pytest.mark.browser
def test_a_notebook_searches_all_texts(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution]
) -> None:
    page = open_page(render_notebook([hospital, long_one(make)]))
    page.locator("input[type=search]").fill("needle")
    assert page.locator(".count").inner_text() == "1 of 2"


@pytest.mark.browser
def test_examples_that_only_begin_alike_are_not_of_one_text(open_page: Open, make: Callable[..., Attribution]) -> None:
    one, other = long_one(make, " end"), long_one(make, " another", " end")
    page = open_page(render_html([one, other.replace(id="M"), one.replace(id="N")], view="compare"))
    assert page.locator(".compare select").input_value() == "2", "what is compared at first has the same text"


def test_a_site_lists_all_texts_in_parts_that_stay_small(
    tmp_path: Path, make: Callable[..., Attribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "LIST_LETTERS", 1_000)
    results = Attributions(sequence_attributions=tuple(long_one(make, f" end{place}") for place in range(6)))
    folder = save_site(results, tmp_path / "site")
    parts = [json.loads(zlib.decompress(file.read_bytes())) for file in sorted((folder / "list").iterdir())]
    assert [len(part) for part in parts] == [2, 2, 2]
    assert [re.search(r"end\d", line[-1])[0] for part in parts for line in part] == [  # type: ignore[index]
        f"end{place}" for place in range(6)
    ]
    assert '"parts":3' in (folder / "index.html").read_text("utf-8")


def test_a_short_text_is_carried_once(hospital: Attribution, tmp_path: Path) -> None:
    folder = save_site(Attributions(sequence_attributions=(hospital,)), tmp_path / "site")
    ((title, _, _, _, mean),) = json.loads(zlib.decompress((folder / "list" / "0.bin").read_bytes()))
    assert (title, mean) == ("hospital", 0.64)


@pytest.mark.heavy
def test_whole_texts_count_among_what_a_cell_may_hold(make: Callable[..., Attribution]) -> None:
    random = np.random.default_rng(0)
    letters = random.integers(0x4E00, 0x9FA5, (20, 400, 30))  # no two alike: they take what they are
    texts = [["".join(map(chr, token)) for token in one] for one in letters]
    heavy = [make(one, 399, id=str(number)) for number, one in enumerate(texts)]
    assert len(render_notebook(heavy)) < NOTEBOOK_BYTES + 100_000
