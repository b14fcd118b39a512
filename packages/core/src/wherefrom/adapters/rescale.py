"""What DeepLIFT asks of a model: multipliers in place of derivatives.

A *multiplier* is the slope of the chord instead of the tangent: how much an output changed from a baseline
pass to the real one, per change of an input. Multipliers chain like derivatives, and input changes times
multipliers add up to the change of the score exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters import Embeds, PredictsSteps, Row
from wherefrom.arrays import Array


@frozen(kw_only=True, eq=False)
class RowMultipliers:
    """Multipliers of a row's target function between a baseline and the row."""

    values: Array
    """The target function of the row, shape ``(K,)``."""
    baseline_values: Array
    """The target function of the baseline, shape ``(K,)``."""
    source: Array | None = None
    """Multipliers of the source embeddings or the layer's answers there, shape ``(K, S, width)``."""
    target: Array | None = None
    """Likewise for the target, shape ``(K, positions, width)``; positions may stop where the last step is
    predicted."""
    source_change: Array | None = None
    """Row minus baseline at the same place, shape ``(S, width)``."""
    target_change: Array | None = None
    """Shape ``(positions, width)``."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class GivesRescale(PredictsSteps, Embeds, Protocol):
    """Can propagate multipliers through every operation of the model."""

    def rescaled_gradients(
        self, rows: Iterable[Row], baselines: Iterable[Row], *, layer: Any = None, chunk: int | None = None
    ) -> Iterator[RowMultipliers]:
        """Two forward passes per row, the row's and its baseline's, and one backward row per output.

        Args:
            baselines: For each row, the same row with baseline embeddings.
            layer: Name of a part of the model to stop at; None: the input embeddings.
        """
        ...
