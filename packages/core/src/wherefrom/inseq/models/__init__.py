"""Models under inseq's names."""

from __future__ import annotations

from typing import Any

from wherefrom.errors import SettingsError, nearest
from wherefrom.inseq.models.attribution_model import AttributionModel
from wherefrom.inseq.models.formatters import InputFormatter
from wherefrom.inseq.models.huggingface_model import (
    DecoderOnlyAttributionModel,
    EncoderDecoderAttributionModel,
    HuggingfaceDecoderOnlyModel,
    HuggingfaceEncoderDecoderModel,
    HuggingfaceModel,
)
from wherefrom.inseq.models.model_config import ModelConfig, register_model_config

FRAMEWORKS_MAP: dict[str, type[HuggingfaceModel]] = {"hf_transformers": HuggingfaceModel}


def load_model(
    model: Any, attribution_method: str | None = None, framework: str = "hf_transformers", **kwargs: Any
) -> AttributionModel:
    """Load a model by hub id or path, or take a model object; further keywords are settings of the method.

    Raises:
        SettingsError: The framework is unknown.
    """
    if framework not in FRAMEWORKS_MAP:
        raise SettingsError(f"framework={framework!r}.{nearest(framework, FRAMEWORKS_MAP)} Known: hf_transformers.")
    return FRAMEWORKS_MAP[framework].load(model, attribution_method, **kwargs)


def list_supported_frameworks() -> list[str]:
    """Identifiers."""
    return list(FRAMEWORKS_MAP)


__all__ = [
    "FRAMEWORKS_MAP",
    "AttributionModel",
    "DecoderOnlyAttributionModel",
    "EncoderDecoderAttributionModel",
    "HuggingfaceDecoderOnlyModel",
    "HuggingfaceEncoderDecoderModel",
    "HuggingfaceModel",
    "InputFormatter",
    "ModelConfig",
    "list_supported_frameworks",
    "load_model",
    "register_model_config",
]
