"""One pass through a model: the sequence, and the steps to read from it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from wherefrom.adapters.row_function import RowFunction
from wherefrom.arrays import Array, BoolArray, IntArray
from wherefrom.errors import InputError


@frozen(kw_only=True, eq=False)
class Row:
    """One sequence to run through the model, and the steps to read from it.

    Positions are absolute. Step ``t`` is predicted from the target positions before ``t``, so a row is run up to
    ``max(steps) - 1`` and no further.
    """

    target_ids: IntArray
    """The decoder's sequence, shape ``(T,)``."""
    steps: IntArray
    """Target positions whose prediction is read, shape ``(G,)``, ascending, each at least 1 and at most ``T``: that one
    is predicted from all there is."""
    source_ids: IntArray | None = None
    """What the encoder reads, shape ``(S,)``; None for decoder-only models."""
    target_embeds: Array | None = None
    """Embeddings to use instead of those of ``target_ids``, shape ``(T, width)``, scaled as `Embeds.embed` does."""
    source_embeds: Array | None = None
    target_visible: BoolArray | None = None
    """False where a target position is hidden from attention (shape ``(T,)``); None: all visible."""
    source_visible: BoolArray | None = None
    target_function: RowFunction | None = None
    """What to differentiate or to evaluate, over the steps of this row."""
    scores: Mapping[str, RowFunction] = field(factory=dict)
    """Step scores to read from the same pass, without gradients."""
    first_change: int | None = None
    """Target positions before this one, and the source, are as in every other row of the call that says so: the adapter
    may share their computation, and owes no gradients there. None: unknown. Rows that do not say so may stand between
    them, of another source or text."""

    def asked(self) -> RowFunction:
        """What is differentiated.

        Raises:
            InputError: Nothing is.
        """
        if self.target_function is None:
            raise InputError("A row to differentiate needs a target function: Row(..., target_function=...).")
        return self.target_function

    def select(self, outputs: IntArray, *, keep_scores: bool = False) -> Row:
        """The same row for some outputs of its target function, in order; for all of them the row itself. Step scores
        are dropped, or those of other steps."""
        function = self.target_function
        if function is not None and len(outputs) == function.outputs and (keep_scores or not self.scores):
            return self
        kept = outputs if self.target_function is None else self.target_function.steps_of(outputs)
        return evolve(
            self,
            steps=self.steps[kept],
            target_function=None if self.target_function is None else self.target_function.select(outputs),
            scores={name: score.at(kept) for name, score in self.scores.items()} if keep_scores else {},
        )
