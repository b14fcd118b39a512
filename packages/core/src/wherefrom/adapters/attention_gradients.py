"""What attention times gradient asks of a model: the rollout itself, for the maps it is made of are too large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters.embedding import Embeds
from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@frozen(kw_only=True, eq=False)
class RowRollout:
    """How much of each input reaches the states that a row's outputs are predicted from."""

    values: Array
    """The target function of the row, shape ``(K,)``."""
    target: Array
    """Shape ``(K, positions run)``, never negative; what a state has of itself from the start is left out."""
    source: Array | None = None
    """Shape ``(K, S)``; None for decoder-only models."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class RollsAttentionGradients(PredictsSteps, Embeds, Protocol):
    """Can follow attention, weighed by the gradient of the score, from the prediction back to the inputs."""

    def attention_gradient_rollouts(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowRollout]:
        """One forward pass per row, one backward row per output; answers in order.

        Each attention map ``A`` becomes ``mean over heads of (∂ value / ∂ A ⊙ A)⁺``, and mixes positions in the order
        of the layers, ``R ← R + A R`` from ``R = I``, over source and target together.

        Raises:
            ModelCapabilityError: A block mixes positions by something else than attention between all of them.
        """
        ...
