from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        "3.1e-5",
    ]
    assert [step_score(value) for value in (128255.0, -3.0, 0.0, 0.97153, 1e300)] == [
        "128255",
        "-3",
        "0",
        "0.972",
        "1.0e300",
    ]


def _by_scripts(values: list[float], expression: str) -> list[Any]:
    """What the page's scripts make of each value ``v``."""
    script = (Path(bundle.__file__).parent / "scripts" / "numbers.js").as_uri()
    code = f"""import {{ short, stepScore, cellNumber, cellUnit }} from {json.dumps(script)};
const values = {json.dumps(values)}.map((v) => v ?? NaN);
console.log(JSON.stringify(values.map((v) => {expression})))"""
    ran = subprocess.run([NODE, "--input-type=module"], input=code, capture_output=True, text=True, check=True)
    return list(json.loads(ran.stdout))


def _numbers() -> list[float]:
    """Numbers of all sizes from a millionth to a million, with halves that must be rounded, and what is around powers
    of ten."""
    rng = np.random.default_rng(0)
    found = [*(10.0 ** rng.uniform(-6, 6, 1500)), *(rng.integers(1, 10_000, 500) / 8)]
    found += [10.0**power * share for power in range(-6, 7) for share in (0.994, 0.9949, 0.9951, 1.0, 1.005)]
    found += [0.972, 3.1e-5, 2.5e7, 1e300, 12345.0, 1000.5, 12.25, 0.125, 0.1]
    return [float(sign * value) for value in found for sign in (1, -1)]


@needs_node
def test_the_page_writes_numbers_as_python_does() -> None:
    values = [0.0, *_numbers()]
    assert _by_scripts(values, "[short(v), stepScore(v)]") == [[short(value), step_score(value)] for value in values]
    assert _by_scripts([None], "short(v)") == [short(float("nan"))] == ["n/a"]  # type: ignore[list-item]
    assert [short(float(value)) for value in ("inf", "-inf")] == ["inf", "-inf"]


@needs_node
@pytest.mark.parametrize("share", [1.0, -0.5, 0.125, 0.001])
def test_cells_of_the_page_hold_the_numbers_of_python(share: float) -> None:
    largest = [abs(value) for value in _numbers()[::2]]
    told = _by_scripts(largest, f"[cellNumber({share} * v, v), cellUnit(v)]")
    for number, (text, unit) in zip(largest, told, strict=True):
        style = number_style(number)
        assert text == style(share * number, plus=False), number
        assert unit == (f"numbers in cells × 10^{style.exponent}" if style.exponent else ""), number


SMALL: dict[str, Callable[..., str]] = {
    "matrix": lambda one, **options: render_text(one, view="matrix", **options),
    "steps": lambda one, **options: render_text(one, view="topk", **options),
    "SVG": render_svg,
    "LaTeX": render_latex,
    "Markdown": render_markdown,
    "table without scripts": lambda one, **options: re.sub("<script.*", "", render_html(one, **options), flags=re.S),
}


@pytest.mark.parametrize("view", SMALL)
def test_a_wide_range_of_colours_takes_no_digits_from_numbers(hospital: Attribution, view: str) -> None:
    small = hospital.replace(target_attributions=np.asarray(hospital.target_attributions) * 1e-3)
    for options in ({}, {"max_val": 150.0}, {"min_val": -0.7, "max_val": 0.7}):
        shown = SMALL[view](small, **options)
        assert "6.20" in shown, "of the largest, 0.00062"
        assert re.search("10(⁻⁴|.textsuperscript.{1,12}4)", shown)


def test_numbers_in_a_text_have_their_digits_and_their_power_of_ten(hospital: Attribution) -> None:
    small = hospital.replace(target_attributions=np.asarray(hospital.target_attributions) * 1e-3)
    for steps, power in ([2], "⁻⁴"), ([1, 2], "⁻⁴"):
        shown = render_text(small, view="read", steps=steps, max_val=0.0012, together=len(steps) > 1)
        text = shown.split("\n-")[0]
        assert "sick[+" in text
        assert f"×10{power}" in text


def test_examples_on_one_scale_keep_their_digits(hospital: Attribution) -> None:
    small = hospital.replace(target_attributions=np.asarray(hospital.target_attributions) * 1e-3)
    shown = render_text([hospital, small], view="matrix", share_scale=True)
    assert "0.62" in shown
    assert "6.20" in shown


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
