"""What layer methods ask of a model: what a part of it answered, and how the score depends on that.

A layer is named as in the model's own code, with dots and indices: ``transformer.h[0].mlp``. It answers on
the source's positions, on the target's, or on both (an embedding that encoder and decoder share). A `Depth` names
no layer: it is the block of each stack that lies so deep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen, validators

from wherefrom.adapters.embedding import Embeds
from wherefrom.adapters.encoding import Side
from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@frozen(kw_only=True)
class Depth:
    """The states behind a share of a model's blocks, in encoder and decoder alike."""

    share: float = field(validator=[validators.gt(0.0), validators.le(1.0)])
    """Of the blocks: 0.5 half way, 1 behind the last."""
    sides: tuple[Side, ...] = ("source", "target")
    """Where states are taken; on a side left out, the pass goes on from its input embeddings."""

    def block(self, blocks: int) -> int:
        """Index of the block that answers them, of so many: never before the first."""
        return max(1, round(self.share * blocks)) - 1


@frozen(kw_only=True, eq=False)
class LayerStates:
    """What a layer answered in one pass."""

    source: Array | None = None
    """Shape ``(S, width of the layer)``; None if the layer does not answer on the source's positions."""
    target: Array | None = None
    """Shape ``(positions run, width of the layer)``: target positions up to the one that predicts the last
    step; None if the layer does not answer on the target's."""


@frozen(kw_only=True, eq=False)
class LayerGradients:
    """Values of a row's target function and their gradients with respect to a layer's answer."""

    values: Array
    """Shape ``(K,)``."""
    states: LayerStates
    """What the layer answered, or was made to answer."""
    source: Array | None = None
    """Shape ``(K, S, width of the layer)``."""
    target: Array | None = None
    """Shape ``(K, positions run, width of the layer)``."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class GivesLayers(PredictsSteps, Embeds, Protocol):
    """Can look into its layers, put other answers in their place, and differentiate with respect to them."""

    def layer_states(self, rows: Iterable[Row], *, layer: Any, chunk: int | None = None) -> Iterator[LayerStates]:
        """One forward pass per row.

        Args:
            layer: Name of a part of the model, the part itself, or a `Depth`.

        Raises:
            UnknownNameError: The model has no such part.
            ModelCapabilityError: The part does not answer one vector per position.
        """
        ...

    def layer_gradients(
        self,
        rows: Iterable[Row],
        *,
        layer: Any,
        states: Iterable[LayerStates] | None = None,
        chunk: int | None = None,
    ) -> Iterator[LayerGradients]:
        """One forward pass per row, one backward row per output.

        Args:
            states: For each row, what the layer shall answer; None: what it does answer.
        """
        ...
