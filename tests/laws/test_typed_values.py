"""A setting that is typed means the same in a command, in a method's word and in a table of the playground."""

from __future__ import annotations

import math
from typing import Any

import pytest
from wherefrom.evaluation.bench.specs import parts_of_spec
from wherefrom.settings import read_value
from wherefrom_cli.parser.values import setting

UNCLOSED = "[" * 100_000
VALUES = {
    "8": 8,
    "0.5": 0.5,
    "true": True,
    "null": None,
    "delete": "delete",
    '"a, b"': "a, b",
    "[1,2]": [1, 2],
    "[[0, 2], [2, 6]]": [[0, 2], [2, 6]],
    '{"of": "saliency", "n": 2}': {"of": "saliency", "n": 2},
    "1e400": math.inf,
    UNCLOSED: UNCLOSED,
    "9" * 5000: "9" * 5000,
    r'"a \" , b"': 'a " , b',
}


def by_playground(text: str) -> Any:
    choices = pytest.importorskip("wherefrom_playground.choices")
    return choices.changed([["x", text]], [["x", "other", ""]], "here")["x"]


@pytest.mark.parametrize("text", VALUES, ids=lambda text: text[:12])
def test_every_door_reads_a_value_alike(text: str) -> None:
    expected = VALUES[text]
    assert read_value(text) == expected
    assert setting(f"x={text}") == ("x", expected)
    assert by_playground(text) == expected
    if text != UNCLOSED:  # where a setting ends is told by its brackets
        assert parts_of_spec(f"lime[x={text},y=1]") == ("lime", {"x": expected, "y": 1})


def test_no_number_is_one_value_too() -> None:
    assert all(math.isnan(one) for one in (read_value("NaN"), setting("x=NaN")[1], by_playground("NaN")))
    assert math.isnan(parts_of_spec("lime[x=NaN]")[1]["x"])
