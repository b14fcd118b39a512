"""Pairs of units that interact, in every view: hostile texts included, and never wider than the terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from wherefrom.results.attribution import Attribution
from wherefrom.results.pairs import DETAIL
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.style_cache import StyleCache
from wherefrom_viz.browser.widgets import top_inputs
from wherefrom_viz.colours import palette_named
from wherefrom_viz.console import render_text
from wherefrom_viz.console.terminal_style import terminal_style_for
from wherefrom_viz.describe import description
from wherefrom_viz.describe.description import describe
from wherefrom_viz.page import render_html

from tests.viz.conftest import HOSTILE


def with_pairs(result: Attribution, texts: tuple[str, ...] = ("the old cat", "saw", "a dog")) -> Attribution:
    """The same with pairs of three units: the first two together, the last two for each other."""
    steps = result.attr_pos_end - result.attr_pos_start
    units = [{"side": "target", "start": i, "end": i + 1, "text": text} for i, text in enumerate(texts)]
    scores = [[2.0] * steps, [0.0] * steps, [-1.0] * steps]
    table = {
        "index": "fbii",
        "units": units,
        "alone": [[0.0] * steps for _ in texts],
        "pairs": [[0, 1], [0, 2], [1, 2]],
        "scores": scores,
        "among": len(texts),
    }
    return result.replace(details={DETAIL: table})


def test_the_console_lists_them(hospital: Attribution) -> None:
    text = render_text(with_pairs(hospital), width=80)
    lines = text[text.index("strongest pairs") :].splitlines()
    assert "the old cat" in lines[1]
    assert "×" in lines[1]
    assert lines[1].split()[0].startswith("+")
    assert lines[2].split()[0].startswith("-")
    assert len(lines) == 3, "a pair without interaction is not listed"


def test_norms_of_pairs_have_no_sign(hospital: Attribution) -> None:
    text = render_text(with_pairs(hospital), width=80, granularity="word", merge="l2")
    lines = text[text.index("strongest pairs") :].splitlines()
    assert "+" not in "".join(lines)
    page = render_html(with_pairs(hospital), granularity="word", merge="l2")
    listed = page[page.index("Pairs that interact") :]
    assert "+ together" not in listed
    assert "<td>6.83<" in listed  # "hospital" and "." are one word: 2 + 2 + 8 ** 0.5


def test_results_without_pairs_say_nothing_of_them(hospital: Attribution) -> None:
    assert "strongest pairs" not in render_text(hospital, width=80)
    assert "Pairs that interact" not in render_html(hospital)


def test_a_page_describes_an_example_once(hospital: Attribution, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(description, "describe", lambda *given, **how: made.append(given) or describe(*given, **how))
    render_html(with_pairs(hospital), wrap_after=3)
    assert len(made) == 1


@pytest.mark.parametrize("width", [24, 40, 80])
def test_no_line_is_wider_than_the_terminal(hospital: Attribution, width: int) -> None:
    for start in range(0, len(HOSTILE) - 2, 3):
        text = render_text(with_pairs(hospital, HOSTILE[start : start + 3]), width=width)
        assert max(cell_len(line) for line in text.splitlines()) <= width


def test_the_page_has_a_table(hospital: Attribution) -> None:
    page = render_html(with_pairs(hospital))
    section = page[page.index("Pairs that interact") :]
    assert "the old cat" in section
    assert re.search(r"<td>\+\d", section)
    assert re.search(r"<td>-\d", section)


def test_the_page_escapes_them(hospital: Attribution) -> None:
    page = render_html(with_pairs(hospital, ("</script><script>alert(1)</script>", "' onmouseover='alert(1)\"", "x")))
    section = page[page.index('<section class="wf-static"') : page.index("</section>")]
    assert "<script" not in section
    assert "onmouseover='" not in section


def test_the_card_of_the_browser_has_them(hospital: Attribution) -> None:
    description = describe(with_pairs(hospital))
    text = card(description).plain
    assert "top pairs" in text
    assert "the old cat" in text[text.index("top pairs") :]
    assert "top pairs" not in card(describe(hospital)).plain


def card(description: Any) -> Any:
    looking = Focus()
    found = top_inputs.contributors(description, looking, 12)
    return top_inputs._card(description, looking, found, Drawing(), shades(), 1.0, 40)


def shades() -> StyleCache:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    return StyleCache(terminal_style_for(console, palette_named("red-blue"), None))


def test_words_of_a_description_sum_the_steps(hospital: Attribution) -> None:
    by_token = describe(with_pairs(hospital))
    by_word = describe(with_pairs(hospital), granularity="sentence")
    assert by_word.pair_scores.shape[1] == len(by_word.steps) < len(by_token.steps)
    np.testing.assert_allclose(by_word.pair_scores.sum(1), by_token.pair_scores.sum(1))


def test_pairs_merge_as_scores_do(hospital: Attribution) -> None:
    paired = with_pairs(hospital)
    for merge, expected in (("mean", [2.0, 0.0, -1.0]), ("absmax", [2.0, 0.0, -1.0]), ("sum", [6.0, 0.0, -3.0])):
        by_span = describe(paired, granularity="span", spans=[(11, 14)], merge=merge)
        np.testing.assert_allclose(by_span.pair_scores[:, 0], expected)


@pytest.mark.parametrize("normalize", ["step", "sequence"])
@pytest.mark.parametrize("granularity", ["token", "sentence"])
def test_pairs_beside_shares_are_shares(hospital: Attribution, normalize: Any, granularity: Any) -> None:
    paired = with_pairs(hospital)
    raw, shown = (describe(paired, granularity=granularity, normalize=how) for how in ("none", normalize))
    units_of_steps = np.abs(raw.scores).max(axis=0) / np.abs(shown.scores).max(axis=0)
    assert not np.allclose(units_of_steps, 1)
    np.testing.assert_allclose(shown.pair_scores, raw.pair_scores / units_of_steps)


@pytest.mark.parametrize("stage, words", [("normalize", "share of each step"), ("rescale", "share of the largest")])
def test_pairs_of_shares_say_which(hospital: Attribution, stage: str, words: str) -> None:
    paired = with_pairs(hospital)
    name = {"normalize": "step", "rescale": "sequence"}[stage]
    made, asked = describe(paired.aggregate(stage)), describe(paired, normalize=name)  # type: ignore[arg-type]
    np.testing.assert_allclose(made.pair_scores, asked.pair_scores, rtol=1e-5)
    for page in (render_html(paired.aggregate(stage)), render_html(paired, normalize=name)):  # type: ignore[arg-type]
        assert words in page[page.index("Pairs that interact") :]


def test_pairs_of_other_steps_are_not_shown(hospital: Attribution) -> None:
    paired = with_pairs(hospital)
    table = {**paired.details[DETAIL], "scores": [[1.0], [1.0], [1.0]]}
    assert describe(paired.replace(details={DETAIL: table})).pair_labels == ()
