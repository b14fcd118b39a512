from __future__ import annotations

import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import rich
from rich.cells import cell_len
from rich.console import Console
from wherefrom.errors import SettingsError
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.text.tokens import Token
from wherefrom_viz import compare_view
from wherefrom_viz import console as package
from wherefrom_viz.console import console_view, render_console, render_text

from tests.viz.conftest import causal, marked_chat

ColorSystem = Literal["standard", "256", "truecolor"]
VIEWS = ["auto", "matrix", "read", "topk", "steps"]


def drawn(result: Attribution, color_system: ColorSystem | None, width: int = 80, **options: object) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system=color_system, legacy_windows=False
    )
    render_console(result, console, **options)  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_first_example_is_a_matrix_with_numbers_at_80_columns(hospital: Attribution) -> None:
    text = render_text(hospital, width=80)
    (row,) = [line for line in text.splitlines() if line.strip().startswith("sick")]
    assert "█+0.62" in row
    assert "hospital" in text
    assert "+ raises, - lowers" in text
    (probability,) = [line for line in text.splitlines() if line.startswith("probability")]
    assert probability.split()[1:] == ["0.970", "0.750", "0.530", "0.310"]


def test_inputs_a_step_could_not_see_are_dots(hospital: Attribution) -> None:
    (row,) = [line for line in render_text(hospital, width=80).splitlines() if line.strip().startswith("hospital   ")]
    assert row.count("·") == 3


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [24, 40, 80, 120])
@pytest.mark.parametrize("name", ["hospital", "translation", "hostile", "long", "chat"])
def test_no_line_is_wider_than_the_terminal(view: str, width: int, name: str, request: pytest.FixtureRequest) -> None:
    text = render_text(request.getfixturevalue(name), width=width, view=view)
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", [30, 50, 80, 120, 200])
@pytest.mark.parametrize("view", ["matrix", "topk"])
def test_no_number_is_ever_cut(make: Callable[..., Attribution], width: int, view: str) -> None:
    result = make([f" w{i}" for i in range(60)], 12)
    style = re.compile(r"^[+-]?\d\.\d\d$|^0\.\d{3}$|^\d$")
    for word in re.findall(r"[+-]?\d*\.\d*", render_text(result, width=width, view=view)):
        assert style.match(word), word


def test_many_outputs_come_in_bands_with_their_labels(long: Attribution) -> None:
    text = render_text(long, width=80, view="matrix")
    assert "outputs 1-" in text
    assert " of 72" in text
    assert text.count(" w20 ") == 3


def test_wide_results_are_read_and_tabulated(long: Attribution) -> None:
    text = render_text(long, width=80)
    assert "all 72 outputs together" in text
    assert re.search(r"^w47 +0\.\d+ +w3 \+0\.90", text, re.MULTILINE)


def test_a_step_is_read_with_what_mattered(hospital: Attribution) -> None:
    text = render_text(hospital, width=120, view="read", steps=[2])
    assert "→ hospital" in text
    assert "sick[+0.62]" in text
    assert "→ the" not in text


def test_improbable_tokens_are_flagged(hospital: Attribution) -> None:
    low = hospital.replace(step_scores={"probability": np.array([0.9, 0.05, 0.5, 0.5])})
    flagged = [line for line in render_text(low, view="steps").splitlines() if line.endswith("low")]
    assert len(flagged) == 1
    assert " the " in flagged[0]


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_tokens_are_shown_and_do_nothing(hostile: Attribution, view: str) -> None:
    text = drawn(hostile, "truecolor", view=view)
    text.encode("utf-8")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2028\ud800-\udfff]", plain)
    assert "[/red]" in plain
    assert "␛[31m" in plain


@pytest.mark.parametrize(
    "color_system, expected",
    [("truecolor", r"48;2;\d+;\d+;\d+m"), ("256", r"48;5;\d+m"), ("standard", r"\x1b\[[\d;]*10[14]m")],
)
def test_each_colour_level_writes_its_own_codes(
    hospital: Attribution, color_system: ColorSystem, expected: str
) -> None:
    assert re.search(expected, drawn(hospital, color_system))


@pytest.mark.parametrize("color_system", ["standard", "256", "truecolor"])
def test_weak_scores_of_opposite_sign_never_look_alike(
    make: Callable[..., Attribution], color_system: ColorSystem
) -> None:
    result = make(["a", " b", " c", " d"], 3, {(0, 0): 1.0, (1, 0): 0.3, (2, 0): -0.3}).replace(step_scores={})
    codes = {}
    for line in drawn(result, color_system).splitlines():
        if found := re.search(r"\x1b\[([\d;]+)m\s*([+-]0\.30)", line):
            codes[found[2]] = found[1]
    assert len(set(codes.values())) == 2, codes


def test_the_same_view_on_two_consoles_uses_the_codes_of_each(hospital: Attribution) -> None:
    view = console_view(hospital)
    outputs = []
    for system in ("truecolor", "standard"):
        console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=system)  # type: ignore[arg-type]
        console.print(view)
        outputs.append(console.file.getvalue())  # type: ignore[attr-defined]
    assert "48;2;" in outputs[0]
    assert "48;2;" not in outputs[1]


def test_rich_prints_results_anywhere(hospital: Attribution) -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(console_view(hospital))
    assert "+0.62" in console.file.getvalue()  # type: ignore[attr-defined]
    assert rich is not None


def test_an_ascii_terminal_gets_ascii(hospital: Attribution, hostile: Attribution) -> None:
    for result in (hospital, hostile):
        buffer = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        console = Console(file=buffer, width=80, color_system=None)
        render_console(result, console)
        buffer.flush()
        assert b"lowers" in buffer.buffer.getvalue()  # type: ignore[attr-defined]


PROGRAM = """
import numpy as np
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Token
from wherefrom_viz.console import render_console
tokens = tuple(Token(id=i, piece=t, text=t, position=i) for i, t in enumerate(["a", " b", " c"]))
render_console(Attribution(source=tokens[:2], target=tokens, attr_pos_start=2, attr_pos_end=3,
    target_attributions=np.array([[0.5], [-0.25], [0.0]])), color={color!r})
"""


def in_a_process(color: str = "auto", **environment: str) -> str:
    base = {
        key: value
        for key, value in os.environ.items()
        if key not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(color=color)],
        env={**base, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout


@pytest.mark.parametrize(
    "environment, color, coloured",
    [
        ({"TERM": "xterm-256color"}, "auto", False),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "1"}, "auto", True),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, "auto", False),
        ({"TERM": "xterm"}, "always", True),
        ({"TERM": "xterm-256color", "FORCE_COLOR": "1"}, "never", False),
    ],
    ids=["pipe", "forced", "no-color", "dumb", "always", "never"],
)
def test_colour_obeys_the_environment(environment: dict[str, str], color: str, coloured: bool) -> None:
    text = in_a_process(color, **environment)
    assert bool(re.search(r"\x1b\[[\d;]*4[18];?[\d;]*m", text)) is coloured
    assert "+0.50" in text


def test_columns_sets_the_width() -> None:
    text = in_a_process(COLUMNS="30")
    assert max(map(cell_len, text.splitlines())) <= 30


def test_unknown_views_and_palettes_suggest_the_nearest(hospital: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'matrix'"):
        render_text(hospital, view="matrx")
    with pytest.raises(SettingsError, match="Did you mean 'orange-blue'"):
        render_text(hospital, palette="orangeblue")


def test_nothing_to_show_is_said(hospital: Attribution) -> None:
    assert "no scores to show" in render_text(hospital.replace(target_attributions=None))


def test_many_examples_are_titled(everyone: Attributions) -> None:
    text = render_text(everyone, width=100)
    assert "hospital  integrated_gradients · demo:lm · probability" in text
    assert text.index("hospital") < text.index("translation")


def test_what_rich_draws_a_notebook_draws_too(hospital: Attribution) -> None:
    """Once: a comparison at the end of a cell printed ten kilobytes of fields."""
    names = [f"{package.__name__}.{one.name}" for one in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(name) for name in names]
    views = {thing for module in modules for thing in vars(module).values() if hasattr(thing, "__rich_console__")}
    ours = {view for view in views if view.__module__.startswith(package.__name__)}
    assert len(ours) >= 4
    assert all(hasattr(view, "_repr_mimebundle_") for view in ours)
    bundle = compare_view(hospital, hospital)._repr_mimebundle_([], [])
    assert "hospital" in bundle["text/html"]
    assert "hospital" in bundle["text/plain"]


def test_the_legend_of_summed_outputs_is_of_the_sums(make: Callable[..., Attribution]) -> None:
    """Longer outputs are read as one: the strongest colour is the strongest sum, in the title and in the legend."""
    one = make([f"w{place}" for place in range(20)], 4)
    summed = float(np.abs(np.asarray(one.target_attributions).sum(axis=1)).max())
    assert summed > 1.5 * float(np.abs(one.target_attributions).max())
    text = render_text(one, width=80, view="read")
    assert f"all 16 outputs together   strongest colour: {summed:.3g}" in text
    (legend,) = [line for line in text.splitlines() if "+ raises" in line]
    assert legend.startswith(f"-{summed:.2f} ")
    assert f" +{summed:.2f} " in legend


LEFT_OUT = "special and template tokens left out of colours and strongest inputs"


@pytest.mark.parametrize("view", ["auto", "matrix", "read", "topk"])
def test_what_is_left_out_of_the_colours_is_said_where_it_changes_them(view: str) -> None:
    one = marked_chat()
    assert LEFT_OUT in render_text(one, view=view)
    said = one.replace(target_attributions=np.where(one.target_attributions > 0.5, 0.1, one.target_attributions))
    assert LEFT_OUT not in render_text(said, view=view)
    unmarked = one.replace(segments=(), target=causal(["a"] * 12, 10).target)
    assert LEFT_OUT not in render_text(unmarked, view=view)


def test_what_is_left_out_of_a_comparison_is_said() -> None:
    one = marked_chat()
    text = plain(compare_view(one, one))
    assert LEFT_OUT in text
    said = one.replace(target_attributions=np.where(one.target_attributions > 0.5, 0.1, one.target_attributions))
    assert LEFT_OUT not in plain(compare_view(said, said))


def plain(shown: object) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_range_that_scores_go_beyond_says_so(hospital: Attribution) -> None:
    assert " 0.11 and above\n" in render_text(marked_chat(), view="matrix")
    assert " 0.11\n" in render_text(marked_chat(), view="topk")  # of which no score goes beyond
    assert "and above" not in render_text(hospital)
    clipped = render_text(hospital, min_val=-0.1, max_val=0.1)
    assert "+0.10 and above" in clipped
    lowest = hospital.replace(target_attributions=-hospital.target_attributions)
    assert "-0.10 and below" in render_text(lowest, min_val=-0.1, max_val=0.1)


def test_a_text_without_colours_says_scores_as_they_are() -> None:
    assert "<|im_start|>[0.53]" in render_text(marked_chat(), view="read")


def test_numbers_in_a_text_are_not_broken_over_lines() -> None:
    texts = ["<", "script", ">", "alert", "(", "1", ")", "</", "script", ">", "x" * 70, "; go", "."]
    one = causal(texts, 12, {(row, 0): 0.5 - row / 100 for row in range(12)})
    for width in range(12, 60):
        shown = render_text(one, width, view="read").splitlines()
        text = [line for line in shown if line.startswith("  ") and "+" in line]
        assert sum(len(re.findall(r"\[\+0\.\d\d\]", line)) for line in text) == 12, width
        assert all(cell_len(line.rstrip()) <= width for line in shown[1:20] if line.startswith("  "))
        if width > 30:
            assert any("script[+0.49]" in line for line in text)


@pytest.mark.parametrize("level", [None, "truecolor"])
@pytest.mark.parametrize("signed", [True, False])
def test_numbers_beyond_the_colours_are_shortened_and_never_cut(level: ColorSystem | None, signed: bool) -> None:
    texts = ["<s>", *"abcd"]
    words = tuple(Token(id=i, piece=text, text=text, position=i, special=text == "<s>") for i, text in enumerate(texts))
    scores = np.zeros((5, 4))
    scores[0] = [1e5, 123.456, 2e12, 99.994]
    scores[1, 1:] = 0.5
    one = Attribution(
        source=words[:1],
        target=words,
        attr_pos_start=1,
        attr_pos_end=5,
        target_attributions=scores * (-1 if signed else 1),
        signed=signed,
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn(one, level, width=36, view="matrix"))
    (row,) = [line for line in text.splitlines() if line.strip().startswith("<s>")]
    numbers = re.sub("[█▓▒░]", " ", row).split()[1:]
    assert [abs(float(number)) for number in numbers] == [1e5, 123, 2e12, 99.99 if not signed else 100]
    assert "…" not in row
