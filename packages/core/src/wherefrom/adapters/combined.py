"""Capabilities that are asked for together. A model satisfies these when it satisfies their parts."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wherefrom.adapters.attention import GivesAttention
from wherefrom.adapters.embedding import Embeds
from wherefrom.adapters.gradients import GivesGradients
from wherefrom.adapters.layers import GivesLayers
from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.sequence_model import SequenceModel


@runtime_checkable
class ScoringModel(SequenceModel, PredictsSteps, Protocol):
    """Has a name and a tokenizer, and can score given sequences: what perturbation asks for."""


@runtime_checkable
class EmbeddingModel(SequenceModel, Embeds, Protocol):
    """Has a name and a tokenizer, and gives its embeddings."""


@runtime_checkable
class DifferentiableModel(SequenceModel, GivesGradients, Protocol):
    """Has a name and a tokenizer, and can be differentiated with respect to its embeddings."""


@runtime_checkable
class LayeredModel(GivesGradients, GivesLayers, Protocol):
    """Can be differentiated with respect to its embeddings and to what its layers answer."""


@runtime_checkable
class AttendingModel(ScoringModel, GivesAttention, Protocol):
    """Has a name and a tokenizer, can score given sequences, and shows its attention weights."""
