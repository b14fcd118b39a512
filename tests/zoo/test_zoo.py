"""No family gives wrong numbers, and none raises what is no refusal.

With ``WHEREFROM_ZOO_KEPT=zoo.jsonl`` the answers are written down, and `tests.zoo.checks --kept zoo.jsonl` makes the
page of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.zoo import checks
from tests.zoo.checks import outcome, small, table
from tests.zoo.families import build, classes

SPARSE = ("axk2", "deepseek_v32", "dots3_note", "dots3_note_text", "glm_moe_dsa", "hy_v4")
"""Families whose attention selects keys by their number."""


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("name", classes())
def test_right_or_refused(name: str) -> None:
    torch.set_num_threads(1)
    if not small(name):
        pytest.skip("cannot be built small from its default configuration")
    kept = os.environ.get("WHEREFROM_ZOO_KEPT")
    found = table([name], Path(kept) if kept else None)[name]
    assert not {about: one for about, one in found.items() if one.kind in ("wrong", "crash")}


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("name", SPARSE)
def test_right_or_refused_beyond_the_length_of_a_probe(name: str) -> None:
    """Attention that selects more keys than a probe has tokens, and texts with more than it selects."""
    torch.set_num_threads(1)
    with checks.beyond_a_probe():
        found = table([name])[name]
    assert not {about: one for about, one in found.items() if one.kind in ("wrong", "crash")}


def test_a_wrong_number_is_seen() -> None:
    module = build("gpt2")
    assert outcome(lambda model, row: 0.01, module).kind == "wrong"
    assert outcome(lambda model, row: float("nan"), module).kind == "wrong"
    assert outcome(lambda model, row: [][1], module).kind == "crash"
