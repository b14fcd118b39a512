"""What a step function may look at besides logits: the inputs of the pass that it is read from, and its states."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

from wherefrom.adapters.encoding import Side
from wherefrom.arrays import Array, IntArray


@runtime_checkable
class Inside(Protocol):
    """One row's pass, looked into only where somebody asks. Arrays are of the model's framework, on its device.

    Where the row is differentiated, embeddings and states are in the graph, so values made of them have gradients.
    """

    @property
    def steps(self) -> IntArray:
        """Target positions that are predicted, shape ``(G,)``; each is predicted at the position before it."""
        ...

    def at(self, steps: IntArray) -> Self:
        """The same pass for some of its steps, by index."""
        ...

    def input_ids(self, side: Side) -> Array:
        """Ids that were read, shape ``(positions,)``: of the target those before the last step."""
        ...

    def attention_mask(self, side: Side) -> Array:
        """1 where a position may be attended to and 0 where it is hidden, integers, shape ``(positions,)``."""
        ...

    def input_embeddings(self, side: Side) -> Array:
        """Embeddings as the model reads them, scaled, shape ``(positions, width)``."""
        ...

    def hidden_states(self, layer: int | str, side: Side) -> Array:
        """What a layer answered, shape ``(positions, width of the layer)``.

        Args:
            layer: A number counts as transformers does: 0 is the input of the first block, the last is what the
                output layer reads; negative ones count from the end. A name is that of a part of the model.

        Raises:
            UnknownNameError: The model has no such layer.
        """
        ...
