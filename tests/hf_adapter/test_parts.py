"""All parts of a model, as torch walks them."""

from __future__ import annotations

import pytest
from torch import nn
from wherefrom_hf.running.parts import parts_of

from tests.hf_adapter.architectures import CONFIGS, build


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_are_those_of_torch(name: str) -> None:
    module = build(name)
    assert parts_of(module) == list(module.modules())


def test_a_part_in_two_places_and_an_empty_place() -> None:
    shared, inner = nn.Linear(2, 2), nn.ReLU()
    module = nn.Sequential(nn.Sequential(shared, inner), shared, nn.Sequential(inner, nn.Tanh()))
    module.register_module("nothing", None)
    assert parts_of(module) == list(module.modules())
    assert len(parts_of(module)) == 6
