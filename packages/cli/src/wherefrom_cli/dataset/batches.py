"""Cutting a stream of examples into batches of like length, in bounded memory.

The composition of a batch depends on the data set alone, not on what was done before: an interrupted run that goes on
meets the same batches, so that it gives the same numbers to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from attrs import frozen

from wherefrom_cli.dataset.source import Numbered

WINDOW_BATCHES = 32
"""How many batches are looked ahead to find examples of like length."""


@frozen(kw_only=True)
class Batch:
    """Examples that are attributed in one call."""

    number: int
    """Its place in the sequence of all batches."""
    examples: tuple[Numbered, ...]


def length_bucketed(examples: Iterable[Numbered], batch_size: int) -> Iterator[Batch]:
    """Batches of at most ``batch_size``: within windows of `WINDOW_BATCHES` batches, short texts first.

    Forced and generated targets never share a batch. At most one window is held in memory.
    """
    rest = iter(examples)
    number = 0
    while window := list(islice(rest, batch_size * WINDOW_BATCHES)):
        for forced in (True, False):
            alike = [item for item in window if (item.example.generated is not None) is forced]
            alike.sort(key=lambda item: (_length(item), item.index))
            for start in range(0, len(alike), batch_size):
                yield Batch(number=number, examples=tuple(alike[start : start + batch_size]))
                number += 1


def _length(item: Numbered) -> int:
    """Characters, of which tokens are made."""
    return _size(item.example.text) + len(item.example.generated or "")


def _size(text: Any) -> int:
    """Of a text, or of whatever a chat's messages say; a token id, or nothing, counts as one character."""
    if isinstance(text, str):
        return len(text)
    if isinstance(text, Mapping):
        return _size(text.get("content", ""))
    return sum(map(_size, text)) if isinstance(text, list | tuple) else 1
