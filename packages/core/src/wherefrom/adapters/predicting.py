"""What every perturbation method and step score asks of a model: predictions of given sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters.inside import Inside
from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@frozen(kw_only=True, eq=False)
class RowPrediction:
    """What a forward pass said at the steps of one row."""

    logits: Array
    """Shape ``(G, vocabulary)``: logits, or log-probabilities for models that give no more."""
    scores: Mapping[str, Array] = field(factory=dict)
    """Name to values, shape ``(G,)``, for the row's ``scores``."""
    inside: Inside | None = None
    """The pass, for functions that look at more than logits; None: the model shows no more."""


@runtime_checkable
class PredictsSteps(Protocol):
    """Can score given sequences. Enough for occlusion, LIME, Shapley values and every step score."""

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        """One forward pass per row, answers in order. ``chunk``: rows at once; None lets the adapter choose."""
        ...
