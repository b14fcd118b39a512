"""The transformers adapter keeps every promise, for each architecture we have a tiny model of."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from wherefrom.testing import Check
from wherefrom.testing.conformance import CHECKS
from wherefrom_hf.adapter import HFModel, load

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
NAMES = ("gpt2-tiny", "llama-tiny", "marian-scaled-tiny", "bart-tiny", "t5-tiny")
TEXTS = (("the name", "of the class"), ("an object is in the list of values", "viid"), ("if x", "no value of the type"))


@cache
def model_of(name: str) -> HFModel:
    torch.set_num_threads(1)
    return load(str(MODELS / name), device="cpu")


@pytest.mark.parametrize("check", CHECKS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_promise(name: str, check: Check) -> None:
    model = model_of(name)
    if not isinstance(model, check.needs):
        pytest.skip(f"{name} has no {check.needs.__name__}")
    check(model, TEXTS)
