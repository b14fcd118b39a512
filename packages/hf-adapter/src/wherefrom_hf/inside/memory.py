"""The encoder's output on its way to the decoder: attention that is given it is cross-attention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from wherefrom_hf.running.stacks import outermost_lists


class Memory:
    """What the decoder was given as the encoder's output, and what modules in front of its blocks made of that.

    A decoder of another width reads it through a projection.
    """

    def __init__(self, module: PreTrainedModel) -> None:
        self._blocks = {block for _, blocks in outermost_lists(module) for block in blocks}
        self._states: list[Tensor] = []

    def begins(self, states: Tensor) -> None:
        """The decoder is given ``states``, shape ``(rows, source, width)``."""
        self._states = [states]

    @property
    def length(self) -> int | None:
        """Positions of the source; None: there is none so far."""
        return self._states[0].shape[1] if self._states else None

    def among(self, addresses: Iterable[int]) -> bool:
        """Is it what one of these addresses of tensors belongs to?"""
        return not {states.data_ptr() for states in self._states}.isdisjoint(addresses)

    def passed(self, part: nn.Module, args: tuple[Any, ...], output: Any, inside: Iterable[nn.Module]) -> None:
        """A module ran, within these: did it read the memory, and make of it what the blocks are given?"""
        if not self._states or not args or any(True for _ in part.children()):
            return
        given = args[0]
        if not isinstance(given, Tensor) or not isinstance(output, Tensor) or given.shape[:-1] != output.shape[:-1]:
            return
        if self.among([given.data_ptr()]) and self._blocks.isdisjoint(inside):
            self._states.append(output.detach())
