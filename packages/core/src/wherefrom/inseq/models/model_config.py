"""Where inseq looks for attention modules. Nothing here needs it: modules are found by what they do."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from wherefrom.errors import SettingsError


@dataclass
class ModelConfig:
    """Names inside a model's blocks."""

    self_attention_module: str
    value_vector: str
    cross_attention_module: str | None = None


DEFAULT_DECODER_ONLY_CONFIG = ModelConfig("attn", "value")
DEFAULT_ENCODER_DECODER_CONFIG = ModelConfig("self_attn", "value", "cross_attention")


_VALUE_STATES = ModelConfig("self_attn", "value_states")
_WITH_ENCODER = ModelConfig("self_attn", "value_states", "encoder_attn")

KNOWN: Mapping[str, ModelConfig] = {
    "GPT2LMHeadModel": ModelConfig("attn", "value_states"),
    "GPTJForCausalLM": ModelConfig("attn", "value"),
    "GPTNeoForCausalLM": ModelConfig("attn", "value"),
    "GPTNeoXForCausalLM": ModelConfig("attention", "value_states"),
    "BloomForCausalLM": ModelConfig("self_attention", "value_layer"),
    "FalconForCausalLM": ModelConfig("self_attention", "value_layer"),
    **dict.fromkeys(
        (
            "Gemma2ForCausalLM",
            "Gemma3ForCausalLM",
            "GemmaForCausalLM",
            "LlamaForCausalLM",
            "MistralForCausalLM",
            "MixtralForCausalLM",
            "OPTForCausalLM",
            "Phi3ForCausalLM",
            "PhiForCausalLM",
            "Qwen2ForCausalLM",
            "Qwen3ForCausalLM",
            "StableLmForCausalLM",
        ),
        _VALUE_STATES,
    ),
    **dict.fromkeys(
        (
            "BartForConditionalGeneration",
            "M2M100ForConditionalGeneration",
            "MBartForConditionalGeneration",
            "MarianMTModel",
            "PegasusForConditionalGeneration",
        ),
        _WITH_ENCODER,
    ),
}
"""Names as the code of transformers 5 has them, read off its classes; for scripts that look them up."""


class Configs(dict[str, ModelConfig]):
    """Configurations by class of model, which remember what was taken away."""

    def __init__(self) -> None:
        super().__init__(KNOWN)
        self.removed: set[str] = set()

    def __delitem__(self, key: str) -> None:
        self.pop(key, None)
        self.removed.add(key)

    def __setitem__(self, key: str, value: ModelConfig) -> None:
        super().__setitem__(key, value)
        self.removed.discard(key)


MODEL_CONFIGS = Configs()


def get_model_config(model_type: str, is_encoder_decoder: bool = False) -> ModelConfig:
    """What is registered for a class of model; the default, with a warning, where nothing is."""
    if model_type in MODEL_CONFIGS:
        return MODEL_CONFIGS[model_type]
    kind = "encoder-decoder" if is_encoder_decoder else "decoder-only"
    warnings.warn(
        f"Model configuration for {model_type!r} not found. Using default {kind} configuration, which no method of "
        "this library reads: modules are found by what they do. register_model_config keeps another.",
        UserWarning,
        stacklevel=2,
    )
    return DEFAULT_ENCODER_DECODER_CONFIG if is_encoder_decoder else DEFAULT_DECODER_ONLY_CONFIG


def register_model_config(
    model_type: str, config: Mapping[str, Any], overwrite: bool = False, allow_partial: bool = False
) -> None:
    """Keep a configuration. Value zeroing works without it.

    Raises:
        SettingsError: One is there already, or a name is missing or unknown.
    """
    if model_type in MODEL_CONFIGS and not overwrite:
        raise SettingsError(f"A configuration of {model_type!r} is registered. Pass overwrite=True to replace it.")
    known = [one.name for one in fields(ModelConfig)]
    unknown, missing = set(config) - set(known), set(known) - set(config)
    if unknown or (missing and not allow_partial):
        raise SettingsError(
            f"A configuration has {', '.join(known)}; unknown: {', '.join(sorted(unknown)) or 'none'}, missing: "
            f"{', '.join(sorted(missing)) or 'none'}. allow_partial=True leaves names out."
        )
    default = {one.name: getattr(DEFAULT_ENCODER_DECODER_CONFIG, one.name) for one in fields(ModelConfig)}
    MODEL_CONFIGS[model_type] = ModelConfig(**{**default, **config})
