"""How much memory passes may use beside the model: a limit that is given, and what is made of it."""

from __future__ import annotations

import re
from numbers import Integral

import torch
from transformers import PreTrainedModel
from wherefrom.errors import SettingsError

from wherefrom_hf.running.heads import all_heads

HOST_LIMIT = 512 * 2**20
DEVICE_LIMIT = 8 * 2**30

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
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
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", limit.lower())
        if match is not None and (match[2] or not match[3]):
            # as schedulers of clusters read them, "2G" is of powers of two; "2 GB" is of ten
            decimal = match[2] and not match[3] and limit.lower().rstrip().endswith("b")
            found = int(float(match[1]) * (1000 if decimal else 1024) ** _POWERS[match[2]])
    elif isinstance(limit, Integral) and not isinstance(limit, bool):
        found = int(limit)
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
