"""Plain matrix-product attention for the time of a block.

Backward passes batched over outputs need an attention made of ordinary operations; fused kernels have no batched
backward and would be looped over. The values differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedConfig, PreTrainedModel


def configs_of(module: PreTrainedModel) -> list[PreTrainedConfig]:
    """The configurations of all parts, and those inside of them, each once."""
    found: dict[int, PreTrainedConfig] = {}

    def note(config: object) -> None:
        if isinstance(config, PreTrainedConfig) and id(config) not in found:
            found[id(config)] = config
            for name in config.sub_configs:
                note(getattr(config, name, None))

    for part in module.modules():
        note(part.__dict__.get("config"))
    return list(found.values())


@contextmanager
def attention_implementation(module: PreTrainedModel, name: str) -> Iterator[None]:
    """Within the block ``module`` computes attention by the implementation called ``name``; then as before."""
    configs = configs_of(module)
    before = [config._attn_implementation_internal for config in configs]
    if all(current == name for current in before):
        yield
        return
    try:
        for config in configs:  # each alone: the setter of transformers would write through to others
            config._attn_implementation_internal = name
        yield
    finally:
        for config, current in zip(configs, before, strict=True):
            config._attn_implementation_internal = current
