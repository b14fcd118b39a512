"""The transformers adapter keeps every promise, for each architecture we have a tiny model of."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from wherefrom.adapters.views import with_methods
from wherefrom.testing import Check, ConformanceError, check_adapter
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


def test_layer_gradients_of_the_wrong_scale_are_noticed() -> None:
    model = model_of("gpt2-tiny")
    spoilt = with_methods(model, None)

    def layer_gradients(self: Any, rows: Any, **settings: Any) -> Any:
        return [evolve(one, target=one.target * 1.1) for one in model.layer_gradients(rows, **settings)]

    type(spoilt).layer_gradients = layer_gradients
    with pytest.raises(ConformanceError, match="Slope along the layer's answer of the target"):
        check_adapter(spoilt, TEXTS)
