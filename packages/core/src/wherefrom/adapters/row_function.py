"""What is evaluated, or differentiated, on the logits of a row."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

from wherefrom.adapters.inside import Inside
from wherefrom.arrays import Array, IntArray


@runtime_checkable
class RowFunction(Protocol):
    """A scalar per step, or per group of steps, of a row's logits.

    Each value depends on the logits of its own steps alone, and on what it asks of the pass. A step function bound to
    the tokens it is asked about (`wherefrom.questions.target_function.TargetFunction`) is one. An adapter needs no
    more than what is written here.
    """

    @property
    def groups(self) -> IntArray | None:
        """Output index of each step, shape ``(G,)``; None: one output per step."""
        ...

    @property
    def outputs(self) -> int:
        """How many values there are."""
        ...

    @property
    def output_of_step(self) -> IntArray:
        """Output index of each step, shape ``(G,)``: of its group, or its own."""
        ...

    @property
    def looked_up(self) -> tuple[IntArray, ...]:
        """Ids whose logit is read by name at each step, shape ``(G,)`` each: the token in question, and its contrast
        where that is looked up in the same logits. For adapters that know some logits exactly and others not."""
        ...

    def step_values(self, logits: Array, inside: Inside | None = None) -> Array:
        """One value per step. ``logits`` has shape ``(G, vocabulary)``; so many values come back.

        Args:
            inside: The pass that the logits are from, over the same steps; None: there is nothing but logits.
        """
        ...

    def grouped(self, step_values: Array) -> Array:
        """Per-step values, summed within groups. Shape ``(outputs,)``."""
        ...

    def values(self, logits: Array, inside: Inside | None = None) -> Array:
        """One value per output: `step_values`, `grouped`."""
        ...

    def at(self, steps: IntArray) -> Self:
        """The same for some of its steps, one output per step; a step may be asked for several times."""
        ...

    def steps_of(self, outputs: IntArray) -> IntArray:
        """Indices of the steps that the given outputs are made of."""
        ...

    def select(self, outputs: IntArray) -> Self:
        """The same for some of its outputs only, renumbered in order."""
        ...
