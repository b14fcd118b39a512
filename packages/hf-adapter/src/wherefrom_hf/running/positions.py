"""How long a sequence may be: what a model says of itself, and whether that is a wall."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from attrs import frozen
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


def first_position(module: nn.Module) -> int:
    """Zero, or where the position table has a padding entry (RoBERTa and its kin) the one behind it."""
    base = getattr(module, "base_model", None)
    table = getattr(getattr(base, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


@frozen
class Limits:
    """How many tokens may be read at once."""

    most: int | None
    """Beyond it there are no positions; None: no end is known."""
    made_for: int | None
    """What model and tokenizer say they were made for, whichever is less; None: neither says it."""


def limits_of(module: PreTrainedModel, tokenizer_limit: int = 0) -> Limits:
    """How many tokens a model reads, at most and by its own account.

    Args:
        tokenizer_limit: The ``model_max_length`` of its tokenizer; 0 or a huge number where that says nothing.
    """
    said = said_limit(module.config.get_text_config(decoder=True))
    decoder = module.get_decoder() if module.config.is_encoder_decoder else module
    readable = None if said is None else said - first_position(decoder)
    bounded = [n for n in (readable, int(tokenizer_limit)) if n is not None and 0 < n < 10**9]
    made_for = min(bounded, default=None)
    if readable not in bounded:
        said = readable = made_for
    return Limits(readable if has_table_of_positions(module, said) else None, made_for)


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
    entries = {part.num_embeddings for part in tables if part.embedding_dim != heads}
    buffers = [buffer.shape for buffer in module.buffers() if sum(size > 1 for size in buffer.shape) > 1]
    entries |= {size for shape in buffers for size in shape}
    return any(limit <= length <= limit + _MORE for length in entries)


def _word_embeddings(module: PreTrainedModel) -> set[nn.Embedding]:
    """The tables that a model and the models in it say turn ids into embeddings."""
    found: set[nn.Embedding] = set()
    for stack in (part for part in module.modules() if isinstance(part, PreTrainedModel)):
        with suppress(ModelCapabilityError):  # it names none
            found |= {part for part in named_embedding(stack).modules() if isinstance(part, nn.Embedding)}
    return found
