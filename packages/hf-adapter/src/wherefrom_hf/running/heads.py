"""How many attention heads a configuration says a model has; some have another number in each layer."""

from __future__ import annotations

from typing import Any


def most_heads(config: Any) -> int:
    """The heads of a layer, the largest number where layers differ; 0 where the configuration does not say."""
    return max(_by_layer(config) or [_heads(config)])


def all_heads(config: Any) -> int:
    """The heads of all layers together; 0 where the configuration does not say."""
    return sum(_by_layer(config) or [_heads(config) * int(getattr(config, "num_hidden_layers", 0) or 0)])


def _heads(config: Any) -> int:
    return int(getattr(config, "num_attention_heads", 0) or 0)


def _by_layer(config: Any) -> list[int] | None:
    """Where layers differ, the heads of each; None where they do not."""
    try:
        _heads(config)
    except RuntimeError:  # what transformers answers for a setting that has no one value
        return [_heads(layer) for layer in config.per_layer_config]
    return None
