"""What gradient methods ask of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters.embedding import Embeds
from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@frozen(kw_only=True, eq=False)
class RowGradients:
    """Values of a row's target function and their gradients with respect to the input embeddings."""

    values: Array
    """Shape ``(K,)``: one per output of the target function (a step, or a group of steps)."""
    target: Array | None
    """d(values)/d(target embeddings), shape ``(K, T, width)``; zero at positions an output cannot see."""
    source: Array | None
    """d(values)/d(source embeddings), shape ``(K, S, width)``; None for decoder-only models."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class GivesGradients(PredictsSteps, Embeds, Protocol):
    """Can differentiate a target function with respect to input embeddings. Enough for every gradient method."""

    def gradients(
        self, rows: Iterable[Row], *, chunk: int | None = None, source: bool = True, target: bool = True
    ) -> Iterator[RowGradients]:
        """One forward pass per row shared by all its outputs, backward passes batched over outputs, answers in order.

        Args:
            chunk: Rows at once; None lets the adapter choose.
            source: Are gradients with respect to the source wanted?
            target: Are gradients with respect to the target wanted?
        """
        ...


@runtime_checkable
class BoundsGradients(Protocol):
    """Knows how much memory gradients may take beside a model and its results."""

    def outputs_at_once(self, row: Row, *, copies: int = 1) -> int:
        """Outputs of a row, at least 1, whose gradients are best asked for together.

        Args:
            copies: Arrays as large as these gradients that are held beside the results: the answer itself, and sums.
        """
        ...
