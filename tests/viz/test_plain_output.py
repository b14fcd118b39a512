"""Output that is not Unicode, such as a console of Windows: ASCII in every view, within the width, in columns."""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console
from wherefrom.evaluation import Evaluation
from wherefrom.results.attribution import Attribution
from wherefrom_viz import compare_view
from wherefrom_viz.console import console_view
from wherefrom_viz.console.evaluation import evaluation_view
from wherefrom_viz.context import context_view

from tests.core.test_evaluation_reports import curve, evaluation
from tests.viz.conftest import causal, hospital_example, marked_chat, translation_example
from tests.viz.test_context import made as context_made
from tests.viz.test_pairs_shown import with_pairs
from tests.viz.test_trace_views import traced

VIEWS = ("auto", "matrix", "read", "topk", "steps")


def printed(shown: Any, width: int, encoding: str = "ascii") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    Console(file=file, width=width, color_system=None, legacy_windows=False).print(shown)
    file.flush()
    return file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined, no-any-return]


def of_ascii() -> list[Attribution]:
    """Results of nothing but ASCII, control characters too, with small scores, sections and pairs."""
    control = causal(["a\tb", "\n", " c\r", "\x7f", "\x1b", "", " d", " e"], 6, {(1, 1): 0.6})
    small = hospital_example()
    small = small.replace(target_attributions=np.asarray(small.target_attributions) * 1e-5)
    return [hospital_example(), with_pairs(hospital_example()), translation_example(), control, small, marked_chat(3)]


def evaluated() -> Evaluation:
    """Three methods, one of them without numbers, with curves."""
    rng = np.random.default_rng(0)
    made = evaluation({name: list(rng.random(12)) for name in ("one", "two", "random")})
    curves = tuple(curve(name, 0, (0, 1, 2), (-1.0, -3.0, -5.0)) for name in ("one", "two"))
    return msgspec.structs.replace(made, methods=(*made.methods, "none"), curves=curves)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
@pytest.mark.parametrize("width", [40, 60, 120])
def test_ascii_text_is_printed_without_escapes(width: int, encoding: str) -> None:
    shown: list[Any] = [console_view(one, view=view) for one in of_ascii() for view in VIEWS]
    shown += [console_view(traced(hops), view=view) for hops in (2, None) for view in (*VIEWS, "trace")]
    shown += [compare_view(one, one.replace(method="other")) for one in of_ascii()]
    shown += [evaluation_view(evaluated()), context_view(context_made())]
    for one in shown:
        text = printed(one, width, encoding)
        assert "\\u" not in text
        assert "\\x" not in text
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= width


def test_sections_have_one_line_each() -> None:
    lines = printed(console_view(hospital_example(), view="matrix"), 60, "cp1252").splitlines()
    (rule,) = [line for line in lines if line.startswith("prompt ")]
    assert rule == "prompt ".ljust(52, "-")


@pytest.mark.parametrize("view", ["topk", "steps"])
def test_escapes_are_measured(view: str) -> None:
    texts = ["Über", " 智能", " größer", " als", " съешь", " ещё", " этих", "."]
    one = causal(texts, 5, {(1, 1): 0.6, (2, 0): -0.4, (4, 2): 0.5})
    lines = printed(console_view(one, view=view), 40).splitlines()
    assert len(lines) == len(printed(console_view(one, view=view), 40, "utf-8").splitlines())


@pytest.mark.parametrize("width", [40, 100])
def test_cells_stand_in_columns_behind_escapes(width: int) -> None:
    one = causal(["Über", " größer", " als", " съешь", "."], 3, {(1, 1): 0.6, (0, 0): -0.4})
    lines = printed(console_view(one, view="matrix"), width).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("prompt"))
    body = lines[first : next(place for place, line in enumerate(lines) if "lowers" in line) - 1]
    assert len({len(line) for line in body if line and "probability" not in line}) == 1


def test_lines_end_after_a_mark_that_is_escaped() -> None:
    one = causal(["你", "好", "。", "再", "见", "！"], 3)
    narrow = printed(console_view(one, view="read", wrap_after="。！"), 100)
    wide = printed(console_view(one, view="read", wrap_after="。！"), 100, "utf-8")
    assert len(narrow.splitlines()) == len(wide.splitlines())


@pytest.mark.parametrize("view", ["matrix", "topk", "read"])
def test_an_empty_token_and_a_blank_are_named(view: str) -> None:
    texts = ["", "0", "_", " ", " a", " b"]
    one = causal(texts, 4, {(row, column): 0.5 for row in range(4) for column in range(2)})
    text = printed(console_view(one, view=view, top=4), 120)
    assert "<empty>" in text
    assert view == "read" or "<space>" in text


def test_escapes_are_shortened_between_letters() -> None:
    one = causal(["智能智能", " b", " c"], 2, {(0, 0): 0.5})
    text = printed(console_view(one, view="topk"), 40)
    assert "\\u667a" in text
    assert not re.search(r"\\(?!u[0-9a-f]{4}|x[0-9a-f]{2}|U[0-9a-f]{8})", text), text
