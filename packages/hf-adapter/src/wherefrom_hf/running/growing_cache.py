"""A cache laid out at once for all positions that it will hold.

transformers' own is copied to a larger place whenever it goes on. Of thousands of positions what was there before is as
large as what replaces it, and the pieces that come free are each a little too small for the next.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class GrowingLayer(DynamicLayer):
    """One layer's keys and values, views of the beginning of a place with room for more. Out of any graph."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.positions = positions
        """How many there is room for."""
        self._places: tuple[Tensor | None, Tensor | None] = (None, None)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """All states, the new ones last. In a graph, or beyond the room, they are made as transformers makes them."""
        end = self.get_seq_length() + key_states.shape[-2]
        if key_states.requires_grad or value_states.requires_grad or end > self.positions:
            self._places = (None, None)
            return super().update(key_states, value_states, *args, **kwargs)
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        key_place, value_place = self._places
        self.keys, key_place = self._put(key_place, self.keys, key_states)
        self.values, value_place = self._put(value_place, self.values, value_states)
        self._places = key_place, value_place
        return self.keys, self.values

    def _put(self, place: Tensor | None, known: Tensor | None, new: Tensor) -> tuple[Tensor, Tensor]:
        """Known and new states side by side, in a place of their own if ``known`` is not where it was put."""
        *rows, count, width = new.shape
        begin = 0 if known is None or known.numel() == 0 else known.shape[-2]
        if place is None or known is None or known.data_ptr() != place.data_ptr():
            place = new.new_empty((*rows, self.positions, width))
            if begin and known is not None:
                place[..., :begin, :] = known
        place[..., begin : begin + count, :] = new
        return place[..., : begin + count, :], place


def with_room(cache: Any, positions: int) -> Any:
    """A new cache, laid out for so many positions as far as its layers keep all of them."""
    if type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers) and cache.layers:
        cache.layers[:] = [GrowingLayer(positions) for _ in cache.layers]
    return cache
