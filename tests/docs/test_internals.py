"""What the page on methods that look inside the model says of all of them, run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import wherefrom

PAGE = (Path(__file__).parents[2] / "docs" / "methods-internals.md").read_text("utf-8")
NAMES = re.findall(r"^\| `(\w+)` \|", PAGE.partition("| method |")[2].partition("\n\n")[0], flags=re.MULTILINE)
((STEPS, SUMMED, WHOLE),) = re.findall(
    r"\*\*Span targets\.\*\* (.*?), for (`\w+` their sum)\. (Two are .*?)\n\n", PAGE, flags=re.DOTALL
)
SETTINGS = {"learned_attention": {"weights": "uniform"}}


@pytest.fixture(scope="module")
def lm() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:lm", device="cpu")


def test_the_methods_are_there() -> None:
    assert len(NAMES) == 11
    assert STEPS == "A span of steps is one column: the mean of its steps"
    assert len({name for name in NAMES if f"`{name}`" in WHOLE}) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_span_is_what_the_page_says(name: str, lm: wherefrom.AttributionModel) -> None:
    prompt = "George was sick yesterday. His colleagues asked him to come"
    options = {"method": name, "show_progress": False, **SETTINGS.get(name, {})}
    (alone,) = lm.attribute(prompt, f"{prompt} to the hospital.", **options)
    (whole,) = lm.attribute(prompt, f"{prompt} to the hospital.", attributed_span="all", **options)
    steps, span = np.asarray(alone.target_attributions), np.asarray(whole.target_attributions)
    read = slice(0, alone.attr_pos_start)  # what every step reads
    expected = (np.sum if f"`{name}`" in SUMMED else np.mean)(steps[read], axis=1)
    assert np.allclose(span[read, 0], expected, atol=1e-5) is (f"`{name}`" not in WHOLE)
