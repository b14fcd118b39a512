"""What attention methods ask of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@frozen(kw_only=True, eq=False)
class RowAttention:
    """Post-softmax attention weights of one row: shape ``(layers, heads, queries, keys)`` each."""

    decoder: Array
    encoder: Array | None = None
    cross: Array | None = None
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class GivesAttention(Protocol):
    """Can show its attention weights."""

    def attentions(self, rows: Iterable[Row]) -> Iterator[RowAttention]:
        """Post-softmax weights of one forward pass per row, whatever attention implementation was loaded."""
        ...
