"""How long a sequence may be: what a model says of itself, and whether that is a wall."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from torch import nn
from transformers import PreTrainedModel
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.embedding import named_embedding
from wherefrom_hf.running.heads import most_heads

_MORE = 4
"""Entries that tables of positions have beyond the limit: padding's own, offsets."""


def said_limit(config: Any) -> int | None:
    """The longest sequence that a configuration says its model was made for, if it says so."""
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return None if limit is None else int(limit)


def has_table_of_positions(module: PreTrainedModel, limit: int | None) -> bool:
    """Does the module keep something with one entry for each of ``limit`` positions, so that there is none beyond?

    Learned or sinusoidal embeddings and causal masks are such tables. Rotations, relative positions and linear biases
    are computed for whatever comes. Tables of words, and of biases by distance, may have as many entries: the first are
    named by the model, and an entry of the others has a number for each head.
    """
    if limit is None:
        return False
    words, heads = _word_embeddings(module), most_heads(module.config.get_text_config(decoder=True))
    tables = [part for part in module.modules() if isinstance(part, nn.Embedding) and part not in words]
    lengths = {part.num_embeddings for part in tables if part.embedding_dim != heads}
    buffers = [buffer.shape for buffer in module.buffers() if sum(size > 1 for size in buffer.shape) > 1]
    lengths |= {size for shape in buffers for size in shape}
    return any(limit <= length <= limit + _MORE for length in lengths)


def _word_embeddings(module: PreTrainedModel) -> set[nn.Embedding]:
    """The tables that a model and the models in it say turn ids into embeddings."""
    found: set[nn.Embedding] = set()
    for stack in (part for part in module.modules() if isinstance(part, PreTrainedModel)):
        with suppress(ModelCapabilityError):  # it names none
            found |= {part for part in named_embedding(stack).modules() if isinstance(part, nn.Embedding)}
    return found
