"""A number that a view prints, times the power of ten that it prints beside it, is the score, in every view."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape

import numpy as np
import pytest
from rich.console import Console
from wherefrom.results.attribution import Attribution
from wherefrom_viz import compare, compare_view, render_html, render_latex, render_markdown, render_svg, render_text

from tests.viz.conftest import causal, hospital_example

SIZES = (3e-9, 0.0008, 0.12, 1.0, 30.0, 4e6)
SICK = 0.62
"""The score of "sick" for "hospital"."""
_POWER = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def of_size(size: float) -> Attribution:
    one = hospital_example()
    return one.replace(target_attributions=np.asarray(one.target_attributions, dtype=np.float64) * size)


def factor_in(text: str) -> float:
    """The only power of ten that a text names; 1 if it names none."""
    powers = {found.translate(_POWER) for found in re.findall("×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)}
    assert len(powers) <= 1, powers
    return 10.0 ** int(powers.pop()) if powers else 1.0


def number_after(label: str, text: str, place: int = 0) -> float:
    """The ``place``-th number after a label."""
    after = text[text.index(label) + len(label) :]
    return float(re.findall(r"[+−-]?\d+\.?\d*(?:e-?\d+)?", after)[place].replace("−", "-"))


def matrix_of_console(one: Attribution) -> tuple[float, float]:
    drawn = render_text(one, 100, view="matrix")
    line = next(line for line in drawn.split("\n") if "sick" in line)
    return number_after("sick", line, 2), factor_in(drawn)


def table_of_console(one: Attribution) -> tuple[float, float]:
    drawn = render_text(one, 100, view="topk")
    line = next(line for line in drawn.split("\n") if "hospital" in line and "sick" in line)
    return number_after("sick", line), factor_in(drawn)


def text_of_console(one: Attribution) -> tuple[float, float]:
    drawn = render_text(one, 100, view="read", steps=[2])
    return number_after("sick[", drawn), factor_in(drawn)


def markdown(one: Attribution) -> tuple[float, float]:
    drawn = render_markdown(one)
    line = next(line for line in drawn.split("\n") if "sick" in line)
    return float(line.split("|")[4].strip().strip("*")), factor_in(drawn)


def latex(one: Attribution) -> tuple[float, float]:
    drawn = render_latex(one)
    seen = "\n".join(line for line in drawn.split("\n") if not line.startswith("%"))
    line = next(line for line in seen.split("\n") if "sick" in line)
    cell = re.findall(r"\$([+-]?[\d.]+)\$", line)[2]
    power = re.search(r"\\texttimes\{\}10\\textsuperscript\{(\\textminus )?(\d+)\}", seen)
    return float(cell), 10.0 ** (-int(power[2]) if power[1] else int(power[2])) if power else 1.0


def svg(one: Attribution) -> tuple[float, float]:
    drawn = render_svg(one, legend=False)
    cells = re.findall(r"<text[^>]*>([^<]*)<", drawn[drawn.index(">sick<") :])
    return float(cells[2].replace("−", "-")), factor_in(drawn)


def table_without_scripts(one: Attribution) -> tuple[float, float]:
    page = render_html(one)
    table = unescape(page[page.index('<div class="wf-static">') : page.index("</div>", page.index("wf-static"))])
    row = table[table.index("sick") :]
    return float(re.findall(r"<td[^>]*>([^<]*)</td>", row)[2]), factor_in(table)


VIEWS: tuple[Callable[[Attribution], tuple[float, float]], ...] = (
    matrix_of_console,
    table_of_console,
    text_of_console,
    markdown,
    latex,
    svg,
    table_without_scripts,
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS, ids=[view.__name__ for view in VIEWS])
def test_numbers_are_of_the_power_beside_them(view: Callable[[Attribution], tuple[float, float]], size: float) -> None:
    number, factor = view(of_size(size))
    assert number * factor == pytest.approx(SICK * size, rel=0.02)


@pytest.mark.parametrize("size", SIZES)
def test_sums_of_many_outputs_are_of_the_power_beside_them(size: float) -> None:
    scores = np.zeros((70, 20))
    scores[3], scores[7] = 0.4 * size, 0.25 * size
    one = causal([f" w{place}" for place in range(70)], 50).replace(target_attributions=scores)
    drawn = render_text(one, width=50)
    summed, single = drawn[: drawn.index("strongest inputs")], drawn[drawn.index("token ") :].split("\n")[:2]
    assert number_after("w3[", summed) * factor_in(summed) == pytest.approx(8 * size, rel=0.02)
    assert number_after(" w3 ", single[1]) * factor_in(single[0]) == pytest.approx(0.4 * size, rel=0.02)


def test_halves_of_a_comparison_are_of_the_power_beside_them() -> None:
    made = [causal([f" w{place}" for place in range(80)], 78, seed=seed) for seed in range(2)]
    pair = compare(*made)
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(compare_view(*made))
    halves = console.file.getvalue().split("A - B")[0]  # type: ignore[attr-defined]
    for name, half in (("  A ", pair.a), ("  B ", pair.b)):
        ((row, score),) = half.top([0], 1)
        line = next(line for line in halves.split("\n") if name in line[10:])
        shown = number_after(f" {half.inputs[row].label} ", line[line.index(name) :])
        assert shown * factor_in(halves) == pytest.approx(score, rel=0.02)
