"""Tiny models under inseq's names."""

from __future__ import annotations

from pathlib import Path

import pytest
import wherefrom.inseq as inseq

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


@pytest.fixture(scope="session")
def gpt2() -> inseq.AttributionModel:
    """A decoder-only model with saliency."""
    return inseq.load_model(str(MODELS / "gpt2-tiny"), "saliency", device="cpu")


@pytest.fixture(scope="session")
def marian() -> inseq.AttributionModel:
    """An encoder-decoder model with saliency."""
    return inseq.load_model(str(MODELS / "marian-tiny"), "saliency", device="cpu")
