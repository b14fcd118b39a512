"""No family gives wrong numbers, and none raises what is no refusal."""

from __future__ import annotations

import pytest
import torch

from tests.zoo.checks import CHECKS, outcome, small
from tests.zoo.families import build, classes


@pytest.mark.zoo
@pytest.mark.parametrize("name", classes())
def test_right_or_refused(name: str) -> None:
    torch.set_num_threads(1)
    if not small(name):
        pytest.skip("cannot be built small from its default configuration")
    module = build(name)
    bad = {about: one for about, check in CHECKS.items() if (one := outcome(check, module)).kind in ("wrong", "crash")}
    assert not bad


def test_a_wrong_number_is_seen() -> None:
    module = build("gpt2")
    assert outcome(lambda model, row: 0.01, module).kind == "wrong"
    assert outcome(lambda model, row: float("nan"), module).kind == "wrong"
    assert outcome(lambda model, row: [][1], module).kind == "crash"
