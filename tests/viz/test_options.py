"""Options of views, each given to every renderer that takes it: what cannot be drawn is refused in the same words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.attribution import Attribution
from wherefrom_viz import (
    compare_view,
    console_view,
    describe,
    render_animation,
    render_frames,
    render_granular,
    render_html,
    render_latex,
    render_markdown,
    render_notebook,
    render_png,
    render_svg,
    render_text,
)
from wherefrom_viz.describe.options import checked_steps

NAN, INF = float("nan"), float("inf")
WRONG: dict[str, tuple[Any, ...]] = {
    "steps": ([99], [-5], [], 3, [1.5], "1", np.array([0.5])),
    "top": (0, -1, "3", 1.5, True),
    "most": (0, "6"),
    "min_val": (NAN, -INF, "a"),
    "max_val": (NAN, INF, "a"),
    "theme": ("drak", "", 3),
    "highlight": ("prob", 3),
    "wrap_after": (0, 1.5, [3]),
    "width": (0, -1, "80", NAN),
    "height": (0, "x", 1.5),
    "font_size": (0, -9.0, "9", NAN),
    "scale": (0, "3", NAN),
    "seconds": (0, -1.0, "1", NAN),
    "intensity": (NAN, "1", -1, 0),
    "granularity": ("wrod", 3),
    "merge": ("summ", None),
    "normalize": ("sted", 1),
    "palette": ("rad",),
    "view": ("matrx", 3),
}
DESCRIBED = ("min_val", "max_val", "granularity", "merge", "normalize")
TABLE = ("view", "top", "steps", *DESCRIBED)
FIGURE = ("width", "font_size", "palette", "theme", *DESCRIBED)
CONSOLE = ("steps", "top", "theme", "highlight", "wrap_after", "palette", "view", *DESCRIBED)
PAGE = ("height", "theme", "highlight", "wrap_after", "intensity", "palette", "view", *DESCRIBED)
TAKEN: dict[Callable[..., Any], tuple[str, ...]] = {
    describe: DESCRIBED,
    render_text: ("width", *CONSOLE),
    console_view: CONSOLE,
    render_svg: (*FIGURE, "view", "top", "steps"),
    render_png: ("scale", *FIGURE, "view", "top", "steps"),
    render_markdown: TABLE,
    render_latex: ("palette", *TABLE),
    render_frames: FIGURE,
    render_animation: ("seconds", *FIGURE),
    render_html: PAGE,
    render_notebook: PAGE,
}
CASES = [(draw, name, value) for draw, names in TAKEN.items() for name in names for value in WRONG[name]]


@pytest.mark.parametrize("draw, name, value", CASES, ids=lambda one: getattr(one, "__name__", repr(one)))
def test_what_cannot_be_drawn_is_refused(
    hospital: Attribution, draw: Callable[..., Any], name: str, value: object
) -> None:
    with pytest.raises((InputError, SettingsError), match="normaliz" if name == "normalize" else name):
        draw(hospital, **{name: value})


@pytest.mark.parametrize("name", ["theme", "top", "min_val", "max_val", "granularity", "merge", "palette"])
def test_a_comparison_takes_what_other_views_take(hospital: Attribution, name: str) -> None:
    for value in WRONG[name]:
        with pytest.raises((InputError, SettingsError), match=name):
            compare_view(hospital, hospital, **{name: value})


def test_slices_are_asked_for_in_the_same_words(hospital: Attribution) -> None:
    deep = hospital.replace(
        target_attributions=np.stack([np.asarray(hospital.target_attributions)] * 2, axis=-1), dimensions=("head",)
    )
    for name in ("most", "theme", "min_val", "view"):
        for value in WRONG[name]:
            with pytest.raises((InputError, SettingsError), match=name):
                render_granular(deep, **{name: value})
    for pair in (3, (1,), (0, 1.5), "01"):
        with pytest.raises(SettingsError, match="slice_dims"):
            render_granular(deep, slice_dims={"head": pair})  # type: ignore[dict-item]


@pytest.mark.parametrize("view", ["auto", "matrix", "topk", "steps"])
def test_an_option_is_checked_in_views_that_do_not_draw_it(hospital: Attribution, view: str) -> None:
    with pytest.raises(SettingsError, match="highlight='prob'"):
        render_text(hospital, view=view, highlight="prob")


@pytest.mark.parametrize("verb, wrong, right", [
    ("show", "normalizee", "normalize"), ("show_tokens", "highligth", "highlight"),
    ("show_granular", "palete", "palette"),
])  # fmt: skip
@pytest.mark.parametrize("how", [{"display": False}, {"display": False, "return_html": True}, {}])
def test_an_option_that_no_view_takes_is_refused_whatever_is_drawn(
    verb: str, wrong: str, right: str, how: dict[str, bool], hospital: Attribution
) -> None:
    one = hospital.replace(
        target_attributions=np.stack([hospital.target_attributions] * 2, -1), dimensions=("layer",)
    ) if verb == "show_granular" else hospital  # fmt: skip
    assert getattr(one, verb)(display=False) is None
    with pytest.raises(SettingsError, match=f"takes no option '{wrong}'. Did you mean '{right}'"):
        getattr(one, verb)(**{wrong: "probability"}, **how)


def test_steps_count_from_the_end_in_every_view(hospital: Attribution) -> None:
    assert checked_steps(np.arange(2), 3) == [0, 1]
    assert checked_steps(range(-2, 0), 3) == [1, 2]
    for draw in (render_text, render_svg, render_markdown):
        assert draw(hospital, view="read", steps=[-1]) == draw(hospital, view="read", steps=[3])
    with pytest.raises(InputError, match=re.escape("steps=[0]: this example has none.")):
        checked_steps([0], 0)


@pytest.mark.parametrize("width", [30, 80])
@pytest.mark.parametrize("view", ["matrix", "steps", "topk", "auto"])
def test_every_view_shows_the_steps_that_were_chosen(hospital: Attribution, view: str, width: int) -> None:
    drawn = [render_text(hospital, view=view, steps=steps, width=width) for steps in ([0], [0, 1], [-1], range(4))]
    assert len(set(drawn)) == 4
    assert drawn[3] == render_text(hospital, view=view, width=width).replace("outputs 1", "chosen outputs 1")
    if view == "steps":
        numbers = [re.findall(r"(?m)^(\d+)  ", text) for text in drawn]
        assert numbers == [["1"], ["1", "2"], ["4"], ["1", "2", "3", "4"]]
    if view == "matrix" and width == 80:
        heads = [text.split("\n")[1].split() for text in drawn]
        labels = [step.label for step in describe(hospital).steps]
        assert heads == [labels[:1], labels[:2], labels[3:], labels]


def test_a_matrix_of_chosen_outputs_is_that_of_the_figure(hospital: Attribution) -> None:
    """On the scale of the whole, with the numbers that the figure writes."""
    text, figure = render_text(hospital, view="matrix", steps=[2]), render_svg(hospital, steps=[2], numbers=True)
    assert {"+0.62"} <= set(re.findall(r"[+-]\d\.\d\d", text)) & set(re.findall(r"[+-]\d\.\d\d", figure))
