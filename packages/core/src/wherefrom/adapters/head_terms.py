"""What methods that look at single heads ask of a model: one attention layer at a time, mixed over some queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters.internals import Where
from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array, FloatArray


@frozen(kw_only=True, eq=False)
class HeadTerms:
    """What one attention layer adds up for some mixtures of its queries, head by head.

    Head ``h`` brings ``coefficients[m, h, j] · vectors[j, h]`` of key ``j`` into the state of mixture ``m``, through
    the norms of its sublayer with their statistics fixed. Over keys and heads, with ``residual`` and ``constant``, that
    is the ``state`` behind the attention's sublayer.
    """

    where: Where
    layer: int
    coefficients: Array
    """Shape ``(mixtures, heads, keys)``: attention weights, times what the norms of each query do."""
    vectors: Array
    """Shape ``(keys, heads, width)``: value vectors through output projection and norms."""
    residual: Array
    """What the residual connection brings, likewise. Shape ``(mixtures, width)``."""
    constant: Array
    """What comes from biases alone. Shape ``(mixtures, width)``."""
    state: Array
    """Shape ``(mixtures, width)``."""


@frozen(kw_only=True, eq=False)
class RowHeadTerms:
    """The layers of one row, as somebody reduced them."""

    layers: Sequence[Any]
    """What the reduction gave for each attention layer that it was asked about: encoder first, then the decoder's
    layers in order, self-attention before cross-attention."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class DecomposesHeads(Protocol):
    """Can write attention layers as sums of what each head brings of each position."""

    def head_terms(
        self, rows: Iterable[Row], *, mixtures: Iterable[FloatArray | None], reduce: Callable[[HeadTerms], Any]
    ) -> Iterator[RowHeadTerms]:
        """One forward pass per row. Each layer is reduced as soon as it has run, so that no two are held at once.

        Args:
            mixtures: For each row the weights of the decoder's queries in each mixture, shape ``(mixtures,
                positions)``; rows sum to 1. None: every query by itself, and then the encoder's queries too.
            reduce: From one layer to what is wanted of it.

        Raises:
            ModelCapabilityError: The terms do not add up to the states, so the model is built in a way not understood.
        """
        ...
