"""What parameter randomisation asks of a model: to be had without what it learned."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class RandomisesWeights(Protocol):
    """Can be had with shuffled weights."""

    def randomised(self, share: float, *, seed: int) -> AbstractContextManager[Any]:
        """An adapter of the model with some weights shuffled, for the time of a block.

        The values within a tensor change places, so that their distribution stays. After the block the model is what it
        was.

        Args:
            share: Which part of the weight tensors, above 0 up to 1, counted from the output towards the embeddings,
                which come last.
            seed: Decides the order of the values.
        """
        ...
