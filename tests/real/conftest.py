"""Pretrained models, loaded once per session; tests skip where they were not fetched."""

from __future__ import annotations

from typing import Any

import pytest
import wherefrom
from wherefrom_hf.demo import PRETRAINED, is_fetched

_LOADED: dict[str, Any] = {}


def loaded(name: str) -> Any:
    """The model called ``demo:name``, or a skip with the reason."""
    if not is_fetched(name):
        pytest.skip(f"demo:{name} was not fetched: uv run python -m wherefrom_hf.demo.pretrained {name}")
    if name not in _LOADED:
        _LOADED[name] = wherefrom.load_model(f"demo:{name}", device="cpu")
    return _LOADED[name]


@pytest.fixture
def smollm2() -> Any:
    return loaded("smollm2")


@pytest.fixture
def gemma3() -> Any:
    return loaded("gemma3")


@pytest.fixture(params=list(PRETRAINED))
def pretrained(request: pytest.FixtureRequest) -> Any:
    """Each pretrained model in turn."""
    return loaded(request.param)
