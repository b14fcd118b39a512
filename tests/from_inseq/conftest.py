"""Tiny models under inseq's names, and its table of step functions as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wherefrom.inseq as inseq
from wherefrom.inseq.attr.step_functions import STEP_SCORES_MAP

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


@pytest.fixture(scope="session")
def gpt2() -> inseq.AttributionModel:
    """A decoder-only model with saliency."""
    return inseq.load_model(str(MODELS / "gpt2-tiny"), "saliency", device="cpu")


@pytest.fixture(scope="session")
def marian() -> inseq.AttributionModel:
    """An encoder-decoder model with saliency."""
    return inseq.load_model(str(MODELS / "marian-tiny"), "saliency", device="cpu")


@pytest.fixture
def registered() -> Iterator[None]:
    """Functions that a test registers are gone after it."""
    before = dict(STEP_SCORES_MAP)
    yield
    STEP_SCORES_MAP.clear()
    STEP_SCORES_MAP.update(before)
