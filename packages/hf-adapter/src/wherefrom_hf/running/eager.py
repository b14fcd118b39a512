"""Plain matrix-product attention for the time of a block.

Backward passes batched over outputs need an attention made of ordinary operations; fused kernels have no batched
backward and would be looped over. The values differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakSet

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from wherefrom_hf.running.parts import parts_of

OURS = "wherefrom_"
"""What the names of our own implementations begin with."""
called_eager: WeakSet[PreTrainedModel] = WeakSet()
"""Models that must hear that attention is "eager", whatever computes it: their code does for the names "eager" and
"sdpa" what it leaves to all other implementations (what sparse attention selects becomes a mask)."""


class AlsoEager(str):
    """The name of an attention implementation that is equal to "eager", too. It is looked up by its own letters."""

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True or other == "eager"

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def configs_of(parts: Iterable[nn.Module]) -> list[PreTrainedConfig]:
    """The configurations of these parts, and those inside of them, each once."""
    found: dict[int, PreTrainedConfig] = {}

    def note(config: object) -> None:
        if isinstance(config, PreTrainedConfig) and id(config) not in found:
            found[id(config)] = config
            for name in config.sub_configs:
                note(getattr(config, name, None))

    for part in parts:
        note(part.__dict__.get("config"))
    return list(found.values())


@contextmanager
def attention_implementation(module: PreTrainedModel, name: str) -> Iterator[None]:
    """Within the block ``module`` computes attention by the implementation called ``name``; then as before."""
    configs = configs_of(parts_of(module))
    before = [config._attn_implementation_internal for config in configs]
    if module in called_eager and name.startswith(OURS):
        name = AlsoEager(name)
    if all(type(current) is type(name) and current == name for current in before):
        yield
        return
    try:
        for config in configs:  # each alone: the setter of transformers would write through to others
            config._attn_implementation_internal = name
        yield
    finally:
        for config, current in zip(configs, before, strict=True):
            config._attn_implementation_internal = current
