"""How much memory passes may use beside the model: a limit that is given, and what is made of it."""

from __future__ import annotations

import re

import torch
from transformers import PreTrainedModel
from wherefrom.errors import SettingsError

from wherefrom_hf.running.heads import all_heads

HOST_LIMIT = 512 * 2**20
DEVICE_LIMIT = 8 * 2**30

_UNITS = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_LEAST = 16 * 2**20


def as_bytes(limit: int | str | None) -> int | None:
    """A limit in bytes from a number of bytes or a text such as ``"512 MiB"``; None: by the device.

    Raises:
        SettingsError: It is neither, or less than 16 MiB.
    """
    if limit is None:
        return None
    found: int | None = None
    if isinstance(limit, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", limit)
        if match is not None and match[2].lower() in _UNITS:
            found = int(float(match[1]) * _UNITS[match[2].lower()])
    elif isinstance(limit, int) and not isinstance(limit, bool):
        found = limit
    if found is None or found < _LEAST:
        raise SettingsError(
            f"memory_limit = {limit!r} is no amount of memory of at least 16 MiB. Give bytes, or a text: '512 MiB', "
            "'2 GiB'."
        )
    return found


def default_limit(device: torch.device) -> int:
    """What passes may use where nothing was said: 512 MiB on the host, 8 GiB on an accelerator."""
    return HOST_LIMIT if device.type == "cpu" else DEVICE_LIMIT


def attention_graph_bytes(module: PreTrainedModel, rows: int, length: int) -> int:
    """What the graph of plain attention keeps of so many rows: the weights of all heads and layers, and once more what
    they were made from. 0 where the configuration does not say how many there are."""
    text = module.config.get_text_config(decoder=True)
    return 2 * rows * all_heads(text) * length**2 * module.dtype.itemsize
