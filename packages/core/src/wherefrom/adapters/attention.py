"""What attention methods ask of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@frozen(kw_only=True, eq=False)
class RowAttention:
    """Post-softmax attention weights of one row: shape ``(layers, heads, queries, keys)`` each.

    One head where their mean was asked for; for the decoder's own and its cross-attention the queries that predict the
    row's steps, in order, where only those were.
    """

    decoder: Array
    encoder: Array | None = None
    """Always all queries."""
    cross: Array | None = None
    scores: Mapping[str, Array] = field(factory=dict)
    unseen: int = 0
    """Blocks of the decoder in which no attention was seen (state spaces, convolutions): they may mix positions too."""
    one_softmax: bool = False
    """Do the decoder's layers weigh source and target together (T5Gemma 2)? Then the weights of a query in ``decoder``
    and in ``cross`` sum to 1 together, and not each by itself."""


@runtime_checkable
class GivesAttention(Protocol):
    """Can show its attention weights."""

    def attentions(
        self,
        rows: Iterable[Row],
        *,
        queries: Literal["steps", "all"] = "all",
        heads: Literal["all", "mean"] = "all",
    ) -> Iterator[RowAttention]:
        """Post-softmax weights of one forward pass per row, whatever attention implementation was loaded.

        Args:
            queries: Those of the decoder's queries that predict a step, or all.
            heads: Every head, or their mean alone: taken as a layer is read, so that the heads need not be kept.
        """
        ...
