"""Plain matrix-product attention for the time of a block.

Backward passes batched over outputs need an attention made of ordinary operations; fused kernels have no batched
backward and would be looped over. The values differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedConfig, PreTrainedModel


def _configs(module: PreTrainedModel) -> list[PreTrainedConfig]:
    found: dict[int, PreTrainedConfig] = {}
    for part in module.modules():
        config = getattr(part, "config", None)
        if isinstance(config, PreTrainedConfig):
            found[id(config)] = config
    return list(found.values())


@contextmanager
def attention_implementation(module: PreTrainedModel, name: str) -> Iterator[None]:
    """Within the block ``module`` computes attention by the implementation called ``name``; then as before."""
    configs = _configs(module)
    before = [config._attn_implementation for config in configs]
    if all(current == name for current in before):
        yield
        return
    try:
        for config in configs:
            config._attn_implementation = name
        yield
    finally:
        for config, current in zip(configs, before, strict=True):
            config._attn_implementation = current
