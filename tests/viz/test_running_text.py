"""Code keeps its lines wherever it is read: what stands after the mark of a line's end begins the next line."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from itertools import groupby

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_html, render_latex, render_svg, render_text
from wherefrom_viz.browser.reading_layout import lay_out
from wherefrom_viz.browser.widgets.sparkline import StepSparkline
from wherefrom_viz.console.tables import step_bar
from wherefrom_viz.context import render_context_html
from wherefrom_viz.describe.description import describe
from wherefrom_viz.describe.running_text import found_in, heights
from wherefrom_viz.describe.text_marks import direction

from tests.core.made import attribution
from tests.viz.test_context import made

CODE = ("if", " x", ":", "\n\t\t", "return", " 2", "\n\n   ", " else", "\n", " y", " z")
LINES = ["ifx:⏎", "⇥⇥return2⏎", "⏎", "␣␣␣else⏎", "y"]
"""How the inputs of the last output read, without the spaces between them."""


def in_terminal_browser(one: Attribution) -> list[str]:
    lines = lay_out(describe(one), 40)
    return ["".join(piece.text for piece in line.pieces if piece.column is None) for line in lines]


def in_console(one: Attribution) -> list[str]:
    return [line for line in render_text(one, 60, view="read").splitlines() if line.startswith("  ")]


def in_svg(one: Attribution) -> list[str]:
    pieces = re.findall(r'y="([\d.]+)" textLength[^>]*>([^<]*)<', render_svg(one, view="read"))
    return ["".join(text for _, text in line) for _, line in groupby(pieces, key=lambda piece: piece[0])]


def in_latex(one: Attribution) -> list[str]:
    return [
        line.removesuffix(r"\par") for line in render_latex(one, view="read").splitlines() if line.endswith(r"\par")
    ]


def in_folded_page(one: Attribution) -> list[str]:
    inputs = re.search("<p><i>Text</i>: (.*?)</p>", render_html(one, highlight="probability"))
    assert inputs is not None
    return [re.sub("<[^>]*>", "", line) for line in inputs[1].split("<br>")]


DOORS: list[Callable[[Attribution], list[str]]] = [in_terminal_browser, in_console, in_svg, in_latex, in_folded_page]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_code_keeps_its_lines(door: Callable[[Attribution], list[str]], make: Callable[..., Attribution]) -> None:
    drawn = make(CODE, len(CODE) - 1)
    one = drawn.replace(target_attributions=np.zeros_like(drawn.target_attributions))
    assert [line for line in (unescape(line).replace(" ", "") for line in door(one)) if line] == LINES


ARABIC = [" عاصمة", " فرنسا", " هي", " باريس", "."]


def places_in_svg(one: Attribution, width: float) -> dict[str, list[float]]:
    """Line to the left edges of its pieces, in the order in which they are read."""
    drawn = render_svg(one, view="read", width=width)
    pieces = re.findall(r'<text x="([\d.-]+)" y="([\d.]+)" textLength="([\d.]+)"', drawn)
    assert all(float(x) > 0 and float(x) + float(wide) < width for x, _, wide in pieces)
    found: dict[str, list[float]] = {}
    for x, y, _ in pieces:
        found.setdefault(y, []).append(float(x))
    return found


@pytest.mark.parametrize("width", [80.0, 345.0])
def test_figures_set_each_text_in_its_reading_direction(width: float) -> None:
    english = [" The", " capital", " of", " France", "."]
    for source, target in ((ARABIC, english), (english, ARABIC)):
        lines = places_in_svg(attribution(source, ["<s>", *target], 1, special=(0,)), width)
        backwards = [line == sorted(line, reverse=True) for line in lines.values() if len(line) > 1]
        forwards = [line == sorted(line) for line in lines.values() if len(line) > 1]
        assert backwards == [not one for one in forwards]
        first, last = backwards[0], backwards[-1]
        assert (first, last) == (source is ARABIC, target is ARABIC)
        assert backwards == sorted(backwards, reverse=first), "all lines of one text go one way"


def test_files_say_that_a_text_is_read_from_right_to_left(make: Callable[..., Attribution]) -> None:
    latin, arabic = make([" a", " b", " c"], 1), make(ARABIC, 2)
    assert r"\begin{RTL}" in render_latex(arabic, view="read")
    assert r"\begin{RTL}" not in render_latex(latin, view="read")
    assert '<div dir="rtl">' in render_html(arabic, wrap_after=3)
    assert 'dir="rtl"' not in render_html(latin, wrap_after=3)
    context = made(input_context_texts=ARABIC[:4])
    assert render_context_html(context).count('class="flow" dir="rtl"') == 2, "the context in both panels"


# the page's script has the same cases
@pytest.mark.parametrize(
    "texts, way",
    [
        (["عاصمة", "a"], "rtl"),
        (["1. (", "שלום"], "rtl"),
        (["a", "عاصمة"], "ltr"),
        (["漢字"], "ltr"),
        (["ﻼ"], "rtl"),
        (["…", "12"], "ltr"),
        ([], "ltr"),
    ],
)
def test_the_first_letter_says_how_a_text_is_read(texts: list[str], way: str) -> None:
    assert direction(texts) == way


def test_what_is_said_of_a_unit_stands_before_the_line_ends(make: Callable[..., Attribution]) -> None:
    one = make(CODE, len(CODE) - 1, {(3, 0): 0.9, (8, 0): -0.5})
    shown = [line.strip() for line in render_text(one, 60, view="read").splitlines() if line.startswith("  ")]
    assert shown == ["if x:⏎", "⇥⇥[+0.90]return 2⏎", "⏎", "␣␣␣ else⏎[-0.50]", "y"]


def test_a_bar_is_as_high_on_every_screen(make: Callable[..., Attribution]) -> None:
    """Logprobs: the surest token has the smallest bar, wherever it stands beside its number."""
    sure = make(["a", " b", " c", " d"], 1).replace(step_scores={"logprob": np.array([-0.01, -9.0, np.nan])})
    described = describe(sure)
    np.testing.assert_allclose(heights(described, "logprob"), [-0.01 / 9, -1, 0])
    assert [step_bar(described, "logprob", column, 4).strip() for column in range(3)] == ["", "████", ""]
    line = StepSparkline()
    line.show(described, 0, "logprob")
    values = described.step_scores["logprob"]
    assert [line._mark(values, column) for column in range(3)] == ["▔", "█", "?"]


@pytest.mark.parametrize(
    "wanted, found",
    [
        ("his friend", [1]),
        ("FRIENDS", [2]),
        ("friend", [2, 6]),
        ("s of", [3]),
        ("日", [5]),
        ("عاصمة", [7]),
        (" of ", [4]),
        ("nothing", []),
        ("", []),
        (" ", []),
    ],
)
def test_text_is_found_where_it_begins(make: Callable[..., Attribution], wanted: str, found: list[int]) -> None:
    texts = ["<s>", "His", " friend", "s", " of", " 日", " friend", " ع", "اصمة", "."]
    units = describe(make(texts, 9)).inputs
    assert found_in(units, wanted) == found


def test_a_byte_is_found_by_its_name(make: Callable[..., Attribution]) -> None:
    units = describe(make(["a", " 智", "", "."], 3)).inputs
    assert [found_in(units, wanted) for wanted in ("智", "智 2/2", "智.")] == [[1, 2], [2], [1]]
