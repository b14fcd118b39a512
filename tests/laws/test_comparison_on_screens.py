"""Two files agree as far as Python says on every screen: the page in Chromium, the terminal browser, the console."""

from __future__ import annotations

import asyncio
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from wherefrom.results import compare
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.comparison import Comparison
from wherefrom.results.partners import matched
from wherefrom_cli.commands.compare import pairs_of as command_pairs
from wherefrom_cli.main import main
from wherefrom_viz import render_html
from wherefrom_viz.browser.screens.compare import CompareScreen
from wherefrom_viz.browser.sources import Library
from wherefrom_viz.browser.sources.loaded import LoadedSource
from wherefrom_viz.console import compare_view
from wherefrom_viz.describe.comparison import compare as compare_described
from wherefrom_viz.page.pairs import pairs_of
from wherefrom_viz.page.quantisation import Precision

from tests.laws.test_comparison import CUTS, made, saved
from tests.needed import needed
from tests.viz.browser.conftest import browser_at, settled, shown
from tests.viz.conftest import marked_chat

needed("playwright", "extras")
from playwright.sync_api import Browser  # noqa: E402

FILES = [
    pytest.param((0, 1, False), (0, 2, False), id="one cut"),
    pytest.param((0, 1, True), (1, 2, True), id="two tokenizers, a source"),
    pytest.param((1, 7, False), (3, 9, False), id="other words"),
]
"""Pairs of results as (cut, seed, source); scores span 1e-6 to 1 between steps."""


def finite(values: np.ndarray) -> list[float]:
    return [float(value) for value in values if np.isfinite(value)]


def two_places(value: float) -> str:
    """As every screen rounds it; no minus before nothing."""
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00")


NAMES = st.one_of(
    st.lists(st.sampled_from(["q1", "q2", None]), min_size=1, max_size=5),
    st.integers(1, 5).flatmap(lambda count: st.permutations(list(map(str, range(count))))),
    st.integers(1, 5).map(lambda count: [None] * count),
)
"""Ids of a result's examples: some, places in another order, or none."""


@given(NAMES, NAMES)
@settings(max_examples=40, deadline=None)
def test_the_terminal_browser_pairs_what_the_command_pairs(first: list[str | None], second: list[str | None]) -> None:
    files = [
        [made(0, seed, source=False).replace(id=name, method=file) for seed, name in enumerate(names)]
        for file, names in (("a", first), ("b", second))
    ]
    library = Library([LoadedSource(Attributions(sequence_attributions=tuple(file))) for file in files])
    places = matched(first, second)
    assert places or not (set(first) & set(second)) - {None}
    if places:
        pairs = command_pairs(*files)
        assert [(pair.a is files[0][a], pair.b is files[1][b]) for pair, (a, b) in zip(pairs, places, strict=True)] == [
            (True, True)
        ] * len(places)
    assert [library.counterpart(2 * a) for a, _ in places] == [2 * b + 1 for _, b in places]


@pytest.mark.browser
@pytest.mark.parametrize("one, other", FILES)
def test_the_page_tells_what_python_tells(
    one: tuple[int, int, bool], other: tuple[int, int, bool], tmp_path: Path, chromium: Browser
) -> None:
    a, b = made(*one), made(*other)
    python: Comparison = compare(a, b)
    path = tmp_path / "page.html"
    path.write_text(render_html([a, b], view="compare"), "utf-8")
    page = chromium.new_page(viewport={"width": 1200, "height": 800})
    page.goto(path.as_uri())
    page.wait_for_selector(".agreement")
    mean = re.search(r"Rank agreement ([-−]?\d\.\d\d)", page.locator(".agreement").inner_text())
    cells = page.locator(".compare .agree td.number").all_inner_texts()
    page.close()
    assert mean is not None
    assert mean.group(1).replace("−", "-") == two_places(python.means()["spearman"])
    numbers = [cell.replace("−", "-") for cell in cells if re.fullmatch(r"[-−]?\d\.\d\d", cell)]
    assert numbers == [two_places(value) for value in finite(python.spearman)]


@pytest.mark.browser
def test_the_page_leaves_special_and_template_tokens_out_of_colours_as_python_does(
    tmp_path: Path, chromium: Browser
) -> None:
    one = marked_chat(3)
    scores = np.array(one.target_attributions)
    scores[4] = 0.3
    two = one.replace(target_attributions=scores)
    python = compare_described(one, two)
    bounds = bounds_shown([one, two], tmp_path, chromium)
    assert bounds == pytest.approx([half.scale.bound for half in (python.a, python.b, python.difference)], rel=0.02)
    assert max(bounds) < 0.4  # the marker has shares of .56 to .83


@pytest.mark.browser
@pytest.mark.parametrize("alone", ["source", "target"])
@pytest.mark.parametrize("place", [0, 1])
def test_the_page_takes_shares_of_what_both_score_as_python_does(
    alone: str, place: int, tmp_path: Path, chromium: Browser
) -> None:
    both = [made(0, 1, True), made(0, 2, True)]
    both[place] = both[place].replace(**{f"{alone}_attributions": None})
    python = compare_described(*both)
    halves = (python.a, python.b, python.difference)
    assert {len(half.sides) for half in halves} == {1}
    bounds = bounds_shown(both, tmp_path, chromium)
    assert bounds == pytest.approx([half.scale.bound for half in halves], rel=0.02)


@pytest.mark.browser
def test_what_rounding_leaves_has_no_colours(tmp_path: Path, chromium: Browser) -> None:
    one = made(0, 1, False)
    scores = np.asarray(one.target_attributions, dtype=np.float64)
    other = one.replace(target_attributions=scores * (1 + 1e-8 * np.arange(len(scores))[:, None]))
    assert compare_described(one, other).difference.scale.bound == 1
    assert bounds_shown([one, other], tmp_path, chromium, "exact")[2] == 1


def bounds_shown(
    results: list[Attribution], folder: Path, chromium: Browser, precision: Precision = "display"
) -> list[float]:
    """Scores of the strongest colours of A, B and A - B on a page of two results."""
    path = folder / "page.html"
    path.write_text(render_html(results, view="compare", precision=precision), "utf-8")
    page = chromium.new_page(viewport={"width": 1200, "height": 800})
    page.goto(path.as_uri())
    page.wait_for_selector(".agreement")
    bounds = page.locator(".scale").evaluate_all("all => all.map(one => Number(one.dataset.bound))")
    page.close()
    return list(map(float, bounds))


@pytest.mark.parametrize("one, other", FILES)
def test_the_terminal_tells_what_python_tells(
    one: tuple[int, int, bool],
    other: tuple[int, int, bool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    a, b = made(*one), made(*other)
    python = compare(a, b)
    mean = python.means()["spearman"]
    files = [Path(saved(tmp_path / f"{name}.json", half)) for name, half in (("a", a), ("b", b))]

    async def browse() -> tuple[str, np.ndarray]:
        app = browser_at(*files)
        async with app.run_test(size=(140, 45)) as pilot:
            await settled(pilot)
            await pilot.press("x")
            await settled(pilot)
            assert isinstance(app.screen, CompareScreen)
            assert app.screen.comparison is not None
            return shown(pilot), app.screen.comparison.agreement

    with ThreadPoolExecutor(1) as threads:  # a browser of another test may have a loop of its own in this one
        text, agreement = threads.submit(lambda: asyncio.run(browse())).result()
    np.testing.assert_allclose(finite(agreement), finite(python.spearman), atol=1e-9)
    assert f"mean rank agreement {mean:+.2f}" in text

    console = Console(file=io.StringIO(), width=120)
    console.print(compare_view(a, b))
    assert f"rank agreement {mean:.2f} " in console.file.getvalue()  # type: ignore[attr-defined]

    assert main(["compare", *map(str, files), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["examples"]
    assert told["agreement"] == pytest.approx(mean, abs=1e-12)


@given(
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.sampled_from([(i, j) for i in range(len(CUTS)) for j in range(len(CUTS))]),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_what_the_page_carries_is_what_python_tells(seed: int, other: int, cuts: tuple[int, int], source: bool) -> None:
    a, b = made(cuts[0], seed, source), made(cuts[1], other, source)
    python = compare(a, b)
    (pair,) = pairs_of([a, b])
    carried = [value for value in pair["agreement"]["token"] if value is not None]
    np.testing.assert_allclose(carried, finite(python.spearman), atol=1e-6)


@pytest.mark.parametrize("source", [False, True])
@pytest.mark.parametrize("cuts", [(i, j) for i in range(len(CUTS)) for j in range(len(CUTS))])
def test_units_of_the_page_agree_as_units_of_python(cuts: tuple[int, int], source: bool) -> None:
    a, b = (made(cut, seed, source, ties=False) for seed, cut in enumerate(cuts))
    (pair,) = pairs_of([a, b], merge="sum")
    names = {"word": "subwords", "sentence": "sentences", "character": "characters"}
    assert "sentence" in pair["agreement"]
    for level, name in names.items():
        if level in pair["agreement"]:
            python = compare(*(half.aggregate(name, aggregate_fn="sum") for half in (a, b)))
            carried = [value for value in pair["agreement"][level] if value is not None]
            np.testing.assert_allclose(carried, finite(python.spearman), atol=1e-6)


def test_a_page_of_equal_results_agrees_everywhere() -> None:
    one: Attribution = made(0, 3, True)
    both = Attributions(sequence_attributions=(one, one.replace(id="two")))
    (pair,) = pairs_of(both.sequence_attributions)
    assert {value for value in pair["agreement"]["token"] if value is not None} == {1.0}
