"""What gradient methods and baselines refer to: input embeddings."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wherefrom.adapters.encoding import Side
from wherefrom.arrays import Array, IntArray


@runtime_checkable
class Embeds(Protocol):
    """Can turn ids into the embeddings that gradients refer to."""

    def embed(self, ids: IntArray, *, side: Side) -> Array:
        """Input embeddings, scaled exactly as the model does, before positions. Shape ``(*ids.shape, width)``."""
        ...

    def embedding_table(self, *, side: Side) -> Array:
        """The embeddings of the whole vocabulary, scaled likewise. Shape ``(vocabulary, width)``."""
        ...

    def mean_embedding(self, *, side: Side) -> Array:
        """The mean of `embedding_table` over the vocabulary; at most once taken while the model is reserved. Shape
        ``(width,)``."""
        ...


@runtime_checkable
class ReadsPadding(Protocol):
    """Tells which ids it reads as padding, whatever mask it is given: it hides such a token, or numbers positions as if
    it were not there.

    In place of another token such a one is put as an embedding, at a position that keeps its own id.
    """

    def reads_as_padding(self, token_id: int, *, side: Side) -> bool:
        """Does this id do more than its embedding does? False where other ids do so too (a second table)."""
        ...
