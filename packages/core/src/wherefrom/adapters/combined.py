"""Capabilities that are asked for together. A model satisfies these when it satisfies their parts."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wherefrom.adapters.embedding import Embeds
from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.sequence_model import SequenceModel


@runtime_checkable
class ScoringModel(SequenceModel, PredictsSteps, Protocol):
    """Has a name and a tokenizer, and can score given sequences: what perturbation asks for."""


@runtime_checkable
class EmbeddingModel(SequenceModel, Embeds, Protocol):
    """Has a name and a tokenizer, and gives its embeddings."""
