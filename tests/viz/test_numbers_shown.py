from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_html, render_latex, render_markdown, render_svg
from wherefrom_viz.console import render_text
from wherefrom_viz.describe.numbers import number_style, short, step_score, written
from wherefrom_viz.page import bundle

from tests.needed import NODE, needs_node


@given(st.floats(1e-30, 1e30), st.floats(-1, 1))
def test_no_number_is_wider_than_five(largest: float, share: float) -> None:
    assert len(number_style(largest)(share * largest)) <= 5


def test_zero_has_no_sign() -> None:
    assert number_style(1.0)(-0.0001) == "0.00"


def test_the_smallest_numbers_there_are_have_a_power_of_ten() -> None:
    style = number_style(5e-324)
    assert (style(5e-324), style(-5e-324), style.note) == ("+4.94", "-4.94", "×10⁻³²⁴")
    assert number_style(1.7e308)(1.7e308) == "+1.70"


@given(st.floats(1e-30, 1e30), st.floats(-1e30, 1e30), st.integers(4, 9), st.booleans())
def test_no_number_is_wider_than_its_cell(largest: float, value: float, width: int, plus: bool) -> None:
    assert len(number_style(largest).cell(value, width, plus=plus)) <= width
    assert all(len(text) <= width for text in written([value, largest], width))


def test_digits_before_the_point_are_never_rounded_away() -> None:
    assert [short(value) for value in (12345.6, 1234.0, 999.6, -0.97153, 3.14e-5)] == [
        "12346",
        "1234",
        "1000",
        "-0.972",
        "3.1e-05",
    ]
    assert [step_score(value) for value in (128255.0, -3.0, 0.0, 0.97153, 1e300)] == [
        "128255",
        "-3",
        "0",
        "0.972",
        "1.0e+300",
    ]


@needs_node
def test_the_page_writes_numbers_as_python_does() -> None:
    values = [0.0, 1.0, -7.0, 12345.0, 128255.0, 1234.56, 99999.4, 999.6, 0.97153, -0.00123, 3.14e-5, 2.5e7, 1e300]
    script = (Path(bundle.__file__).parent / "scripts" / "numbers.js").as_uri()
    told = "console.log(JSON.stringify(values.map((v) => [short(v), stepScore(v)])))"
    code = f"import {{ short, stepScore }} from {json.dumps(script)}; const values = {values}; {told}"
    ran = subprocess.run([NODE, "--input-type=module", "-e", code], capture_output=True, text=True, check=True)

    def alike(text: str) -> str:
        return re.sub(r"e\+?(-?)0*", r"e\1", text)  # 3.1e-05 in Python, 3.1e-5 in scripts

    assert json.loads(ran.stdout) == [[alike(short(value)), alike(step_score(value))] for value in values]


def _read(one: Attribution) -> str:
    return render_text(one, view="read", highlight="rank")


@pytest.mark.parametrize(
    "draw",
    [
        _read,
        lambda one: render_text(one, view="steps"),
        lambda one: render_text(one, view="matrix"),
        render_svg,
        lambda one: render_svg(one, view="read", steps=[0, 1, 2, 3]),
        render_markdown,
        lambda one: render_latex(one, view="read", steps=[0, 1, 2, 3]),
        lambda one: render_html(one, highlight="rank"),
    ],
)
def test_ranks_are_written_as_such_in_every_view(hospital: Attribution, draw: Callable[[Attribution], str]) -> None:
    ranked = hospital.replace(step_scores={"rank": np.array([1, 12345, 7, 98761])})
    shown = draw(ranked)
    assert "12345" in shown
    assert "98761" in shown
