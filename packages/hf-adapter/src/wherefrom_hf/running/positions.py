"""How long a sequence may be: what a model says of itself, and whether that is a wall."""

from __future__ import annotations

from typing import Any

from torch import nn

_MORE = 4
"""Entries that tables of positions have beyond the limit: padding's own, offsets."""


def said_limit(config: Any) -> int | None:
    """The longest sequence that a configuration says its model was made for, if it says so."""
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return None if limit is None else int(limit)


def has_table_of_positions(module: nn.Module, limit: int | None) -> bool:
    """Does the module keep something with one entry for each of ``limit`` positions, so that there is none beyond?

    Learned or sinusoidal embeddings and causal masks are such tables. Rotations, relative positions and linear biases
    are computed for whatever comes.
    """
    if limit is None:
        return False
    lengths = {part.num_embeddings for part in module.modules() if isinstance(part, nn.Embedding)}
    lengths |= {size for buffer in module.buffers() if buffer.ndim >= 2 for size in buffer.shape}
    return any(limit <= length <= limit + _MORE for length in lengths)
