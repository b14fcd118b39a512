"""No family gives wrong numbers, and none raises what is no refusal.

With ``WHEREFROM_ZOO_KEPT=zoo.jsonl`` the answers are written down, and `tests.zoo.checks --kept zoo.jsonl` makes the
page of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.zoo.checks import outcome, small, table
from tests.zoo.families import build, classes


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


def test_a_wrong_number_is_seen() -> None:
    module = build("gpt2")
    assert outcome(lambda model, row: 0.01, module).kind == "wrong"
    assert outcome(lambda model, row: float("nan"), module).kind == "wrong"
    assert outcome(lambda model, row: [][1], module).kind == "crash"
