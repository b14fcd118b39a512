"""Outputs whose scores were not told from chance are pale wherever their inputs are coloured, alone or together."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from wherefrom.results.attribution import Attribution
from wherefrom.results.card import CHANCE
from wherefrom_viz import compare, render_console, render_frames, render_latex, render_markdown, render_svg
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus, output_strengths, strengths
from wherefrom_viz.browser.style_cache import StyleCache
from wherefrom_viz.browser.widgets import top_inputs
from wherefrom_viz.colours import palette_named
from wherefrom_viz.console.terminal_style import terminal_style_for
from wherefrom_viz.describe.description import FADED, LEFT_OUT, PALE, describe
from wherefrom_viz.page.static_table import static_multiples, static_table

from tests.viz.conftest import marked_chat


def checked(one: Attribution, doubtful: tuple[int, ...]) -> Attribution:
    """As if every step had been held against the model, and some not told from chance."""
    chance = np.array([0.5 if step in doubtful else 0.01 for step in range(len(one.steps))])
    return one.replace(
        step_scores={**one.step_scores, CHANCE: chance}, step_aggregation={**one.step_aggregation, CHANCE: "max"}
    )


@pytest.mark.parametrize("scale", ["example", "step"])
@pytest.mark.parametrize("pinned, pale", [((1,), True), ((1, 2), True), ((0, 1), False), ((0,), False)])
def test_inputs_of_chosen_outputs_are_pale_where_all_are_doubtful(
    hospital: Attribution, pinned: tuple[int, ...], pale: bool, scale: str
) -> None:
    looking, drawing = Focus(pinned=frozenset(pinned)), Drawing(scale=scale)  # type: ignore[arg-type]
    plain = strengths(describe(hospital), looking, drawing)
    found = strengths(describe(checked(hospital, (1, 2))), looking, drawing)
    np.testing.assert_allclose(found, plain * (FADED if pale else 1.0))


def test_an_input_drives_doubtful_outputs_palely(hospital: Attribution) -> None:
    row = int(np.abs(describe(hospital).scores).sum(axis=1).argmax())
    plain = output_strengths(describe(hospital), row, Drawing())
    found = output_strengths(describe(checked(hospital, (1,))), row, Drawing())
    np.testing.assert_allclose(found[1], plain[1] * FADED)
    np.testing.assert_allclose(np.delete(found, 1), np.delete(plain, 1))


@pytest.mark.parametrize("looking", [Focus(column=1), Focus(row=3)], ids=["inputs", "outputs"])
def test_the_card_of_the_strongest_is_as_pale(hospital: Attribution, looking: Focus) -> None:
    pale = describe(checked(hospital, (1, 3)))
    found = top_inputs.contributors(pale, looking, 40)
    labels = {pale.steps[1].label, pale.steps[3].label}
    assert found
    for one in found:
        assert one.fading == (FADED if looking.row is None or one.label in labels else 1.0)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    shades = StyleCache(terminal_style_for(console, palette_named("red-blue"), None))
    drawn = [
        top_inputs._card(
            description, looking, top_inputs.contributors(description, looking, 40), Drawing(), shades, 0.6, 40
        )
        for description in (describe(hospital), pale)
    ]
    assert drawn[0].plain == drawn[1].plain
    assert drawn[0].spans != drawn[1].spans


def test_a_word_is_doubtful_where_one_of_its_tokens_is(hospital: Attribution) -> None:
    """Its scores are sums over them."""
    by_sentence = describe(checked(hospital, (1,)), granularity="sentence")
    assert by_sentence.doubtful[0]


def _in_console(one: Attribution, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=90, force_terminal=True, color_system="truecolor", legacy_windows=False)
    render_console(one, console, **options)
    drawn: str = console.file.getvalue()  # type: ignore[attr-defined]
    return drawn.split("raises")[0].rsplit("\n", 1)[0]


DRAWN: dict[str, Callable[..., str]] = {
    "console": lambda one, step, **options: _in_console(one, view="read", steps=[step], **options),
    "SVG": lambda one, step, **options: render_svg(one, steps=[step], legend=False, **options),
    "SVG, text": lambda one, step, **options: render_svg(one, steps=[step], view="read", legend=False, **options),
    "LaTeX": lambda one, step, **options: render_latex(one, steps=[step], **options),
    "LaTeX, text": lambda one, step, **options: render_latex(one, steps=[step], view="read", **options),
    "slides": lambda one, step, **options: render_frames(one, legend=False, **options)[step],
}


def _colours(drawn: str) -> list[str]:
    found = re.findall(r'<rect[^>]*fill="(#\w+)"|color(?:box)?\[HTML\]\{(\w+)\}|48;2;([\d;]+)', drawn)
    return [one or other or third for one, other, third in found]


@pytest.mark.parametrize("view", DRAWN)
@pytest.mark.parametrize("doubtful", [(2,), (0, 2, 3), (0,), (1, 3)])
def test_what_is_drawn_of_one_output_is_as_pale_as_that_output(
    hospital: Attribution, view: str, doubtful: tuple[int, ...]
) -> None:
    bound = describe(hospital).scale.bound / FADED
    for step in range(4):
        pale = {"min_val": -bound, "max_val": bound} if step in doubtful else {}
        drawn = _colours(DRAWN[view](checked(hospital, doubtful), step))
        assert drawn == _colours(DRAWN[view](hospital, step, **pale)), step
        assert drawn


SAYING: dict[str, Callable[..., str]] = {
    "SVG": lambda one, step, **options: render_svg(one, steps=[step], **options),
    "SVG, text": lambda one, step, **options: render_svg(one, steps=[step], view="read", **options),
    "LaTeX": DRAWN["LaTeX"],
    "LaTeX, text": DRAWN["LaTeX, text"],
    "slides": lambda one, step, **options: render_frames(one, **options)[step],
    "table without scripts": lambda one, step, **options: static_table(
        describe(one.select_steps(step, step + 1), **options)
    ),
    "small tables without scripts": lambda one, step, **options: static_multiples(
        [describe(one.select_steps(step, step + 1), **options)]
    ),
}


@pytest.mark.parametrize("view", SAYING)
def test_what_is_pale_is_said_to_be(hospital: Attribution, view: str) -> None:
    for step in range(4):
        assert (PALE in SAYING[view](checked(hospital, (1, 3)), step)) == (step in (1, 3)), step
        assert PALE not in SAYING[view](hospital, step)


@pytest.mark.parametrize("render", [render_svg, render_latex])
def test_outputs_shown_as_one_are_said_to_be_pale_where_all_of_them_are_doubtful(
    hospital: Attribution, render: Callable[..., str]
) -> None:
    assert PALE not in render(checked(hospital, (0, 1, 2)), view="read")
    assert PALE in render(checked(hospital, (0, 1, 2, 3)), view="read")


@pytest.mark.parametrize(
    "draw", [lambda one: static_table(describe(one)), lambda one: static_multiples([describe(one)]), render_latex]
)
def test_tables_say_how_scores_came_about_and_what_their_colours_leave_out(draw: Callable[..., str]) -> None:
    said = draw(marked_chat().aggregate("normalize"))
    assert "share of each step" in said
    assert LEFT_OUT in said


def test_weak_numbers_are_not_bold(hospital: Attribution) -> None:
    def of_sick(one: Attribution) -> str:
        return next(line for line in render_markdown(one).split("\n") if line.startswith("| sick"))

    assert "**+0.62**" in of_sick(hospital)
    assert "**" not in of_sick(checked(hospital, (2,)))
    assert "**+0.62**" in of_sick(checked(hospital, (0, 1, 3)))


def test_halves_of_a_comparison_keep_their_doubts(hospital: Attribution) -> None:
    pair = compare(checked(hospital, (0, 2)), hospital.select_steps(1, 4))
    assert pair.a.doubtful == (False, True, False)
    assert not pair.b.doubtful
    assert not pair.difference.doubtful
