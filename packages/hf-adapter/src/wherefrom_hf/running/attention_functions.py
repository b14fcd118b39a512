"""The functions that compute a model's attention: they stand beside its parts, and can be given anew at any time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from wherefrom.step_functions.code import UntoldError, told

from wherefrom_hf.running.eager import configs_of

INTERFACE = "ALL_ATTENTION_FUNCTIONS"
"""What the files of models call the registered functions, or functions of their own by the same names."""
PLAIN = "eager_attention_forward"
"""What they call their plain attention."""


def names_beside(kind: type) -> dict[str, Any]:
    """What the file that defines a class defines and imports; nothing where it is gone."""
    file = sys.modules.get(kind.__module__)
    return {} if file is None else vars(file)


def functions_in(names: Mapping[str, Any]) -> dict[str, FunctionType]:
    """The functions among what a file or a class has, by name. What torch.compile puts there has names with ``__``."""
    found = ((name, one) for name, one in sorted(names.items()) if isinstance(one, FunctionType))
    return {name: one for name, one in found if not name.startswith("__")}


def attention_functions(parts: Iterable[nn.Module]) -> list[Any]:
    """What computes attention in these parts, and its masks: what is registered under the names that they were loaded
    with, the plain attention of their files, and the function of torch that others call."""
    parts = list(parts)
    asked = sorted({str(config._attn_implementation_internal) for config in configs_of(parts)})
    found: list[Any] = [functional.scaled_dot_product_attention]
    found += [interface.get(name) for name in asked for interface in (AttentionInterface(), AttentionMaskInterface())]
    files = {kind.__module__: kind for part in {type(part) for part in parts} for kind in part.__mro__}
    for _, kind in sorted(files.items()):
        beside = names_beside(kind)
        found.append(beside.get(PLAIN))
        if (own := beside.get(INTERFACE)) is not None:
            found += [own.get(name) for name in asked]
    return found


def told_now(function: Any) -> object:
    """What tells a function from others, of its name too, and from itself when what it reads has changed; equal to
    nothing if that cannot be told."""
    try:
        return told(function)
    except UntoldError:
        return object()
