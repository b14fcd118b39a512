"""Parts of a model: all of them, one by name, and their weights."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from torch import nn
from wherefrom.errors import UnknownNameError, nearest

CHANNELS_FIRST = (nn.Conv1d, nn.ConvTranspose1d)
"""Modules that answer positions behind channels, ``(rows, width, positions)``, whatever the sizes."""


def parts_of(module: nn.Module) -> list[nn.Module]:
    """A module and all its parts, each once, in the order of `nn.Module.modules`, whose time is that of their names."""
    found: dict[nn.Module, None] = {}
    waiting = [module]
    while waiting:
        part = waiting.pop()
        if part not in found:
            found[part] = None
            waiting.extend(child for child in reversed(part._modules.values()) if child is not None)
    return list(found)


def weights_of(parts: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The parts' own weights, one that several of them share as often as they have it."""
    return [weight for part in parts for weight in part._parameters.values() if weight is not None]


def find_layer(module: nn.Module, layer: Any) -> nn.Module:
    """The part of ``module`` that ``layer`` names: ``transformer.h[0].mlp`` and ``transformer.h.0.mlp`` alike.

    Raises:
        UnknownNameError: The model has no such part; the nearest name is suggested.
    """
    if isinstance(layer, nn.Module):
        if any(part is layer for part in module.modules()):
            return layer
        raise UnknownNameError(f"The given {type(layer).__name__} is no part of this {type(module).__name__}.")
    name = re.sub(r"\[(\d+)\]", r".\1", str(layer))
    parts = dict(module.named_modules(remove_duplicate=False))
    if name and name in parts:
        return parts[name]
    raise UnknownNameError(
        f"{type(module).__name__} has no part called {layer!r}.{nearest(name, parts)} Names are those of "
        f"named_modules(), such as {', '.join(list(parts)[1:4])}."
    )
