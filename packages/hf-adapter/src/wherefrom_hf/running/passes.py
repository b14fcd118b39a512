"""Running a transformers model: the encoder once, the decoder in pieces that continue each other.

Everything that calls a model's ``forward`` goes through here, so positions, masks and caches are handled in one place.
"""

from __future__ import annotations

import copy
import inspect
from contextlib import nullcontext
from typing import Any
from weakref import WeakSet

import torch
from attrs import evolve, field, frozen
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import MoEModelOutput

from wherefrom_hf.running.as_built import kept_as_built
from wherefrom_hf.running.calling import call
from wherefrom_hf.running.experts import experts_named
from wherefrom_hf.running.freed import keep_large_pieces
from wherefrom_hf.running.growing_cache import GrowingLayer, with_room
from wherefrom_hf.running.in_pieces import LEAST_POSITIONS, in_pieces
from wherefrom_hf.running.kept_positions import positions_kept
from wherefrom_hf.running.lengths import afresh
from wherefrom_hf.running.linear import quick_linear
from wherefrom_hf.running.positions import first_position

given_source: WeakSet[PreTrainedModel] = kept_as_built(WeakSet())
"""Models that must be given the source's ids beside the encoder's states: their code hides later positions of the
target only then."""


@frozen(eq=False)
class EncoderStates:
    """What the decoder reads of the encoder, one line per row."""

    states: Tensor
    """Shape ``(rows, source length, width)``."""
    visible: Tensor
    """Shape ``(rows, source length)``."""
    ids: Tensor
    """Shape ``(rows, source length)``."""
    hidden: tuple[Tensor, ...] = ()
    """States of all layers as transformers counts them, where they were asked for."""

    def of(self, rows: Tensor) -> EncoderStates:
        """The lines of some rows, in their order."""
        return EncoderStates(self.states[rows], self.visible[rows], self.ids[rows])


@frozen(eq=False)
class DecoderRun:
    """A decoder pass that may be continued: the cache holds what came before, with its graph."""

    module: PreTrainedModel
    encoder: EncoderStates | None = None
    cache: Any = None
    position: int = 0
    first_position: int = 0
    """What the model calls the first position."""
    accepts: frozenset[str] = field(factory=frozenset)
    room: int = 0
    """Positions that a new cache is laid out for; 0: it grows."""

    def forward(self, ids: Tensor, visible: Tensor | None, *, keep: bool, **extra: Any) -> tuple[Any, DecoderRun]:
        """Run the next ``ids`` (shape ``(rows, length)``).

        Args:
            visible: Attention mask over everything run so far and these ids; None: nothing is hidden.
            keep: Will the run be continued?

        Returns:
            The model's output, and the run to continue.
        """
        rows, length = ids.shape
        cache = self.cache
        if cache is None and keep:
            cache = new_cache(self.module)
            if self.room:
                cache = with_room(cache, self.room)
        arguments: dict[str, Any] = {
            "use_cache": cache is not None,
            "past_key_values": cache,
            "return_dict": True,
        }
        end = self.position + length
        positions = torch.arange(self.position, end, device=ids.device).expand(rows, length) + self.first_position
        continued = self.position > 0
        kept = nullcontext() if visible is None else positions_kept(self.module, visible, continued=continued)
        if visible is None:
            visible = torch.ones((rows, end), dtype=torch.long, device=ids.device)
        if self.encoder is None:
            arguments |= {"input_ids": ids, "attention_mask": visible}
            if "position_ids" in self.accepts:
                arguments["position_ids"] = positions
        else:
            arguments |= {
                "encoder_outputs": MoEModelOutput(last_hidden_state=self.encoder.states),
                "attention_mask": self.encoder.visible,
                "decoder_input_ids": ids,
                "decoder_attention_mask": visible,
            }
            if self.module in given_source:
                arguments["input_ids"] = self.encoder.ids
            if "decoder_position_ids" in self.accepts:
                arguments["decoder_position_ids"] = positions
        if "logits_to_keep" in self.accepts:
            arguments["logits_to_keep"] = 0  # all: a class of the user's may keep the last alone by default
        if cache is None:
            del arguments["past_key_values"]
        arguments |= extra
        if rows * length >= LEAST_POSITIONS:
            keep_large_pieces()
        with afresh(self.module), kept, quick_linear(), in_pieces(self.module, length), experts_named(self.module):
            output = call(self.module, arguments, "logits")
        return output, evolve(self, cache=cache, position=end)

    def spread(self, rows: int, encoder: EncoderStates | None) -> DecoderRun:
        """A run of one row as the common beginning of ``rows`` rows; this one stays as it is."""
        cache = copy.deepcopy(self.cache)
        if cache is not None and rows > 1:
            cache.batch_repeat_interleave(rows)
        return evolve(self, cache=cache, encoder=encoder)

    def cache_bytes(self) -> int:
        """What the cache weighs, as far as it is made of keys and values."""
        layers = getattr(self.cache, "layers", ())
        kept = [getattr(layer, name, None) for layer in layers for name in ("keys", "values")]
        return sum(one.nbytes for one in kept if isinstance(one, Tensor))

    def lent(self, length: int, encoder: EncoderStates | None) -> DecoderRun | None:
        """The first ``length`` positions of a run of one row as the common beginning of any number of rows, for one
        pass; this one stays as it is, and nothing is copied. None: its cache is of a kind that must be."""
        cache = _lent(self.cache, length)
        return None if cache is None else evolve(self, cache=cache, encoder=encoder, position=length)


class _Lent(DynamicLayer):
    """Keys and values of one row's beginning, lent to any number of rows: what they add is answered, and not kept.

    The cache of a long beginning weighs as much as a small model; a copy for each batch of rows would be another.
    """

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """The beginning's states for each row, followed by its own."""
        rows = key_states.shape[0]
        assert self.keys is not None
        assert self.values is not None
        return (
            torch.cat([self.keys.expand(rows, -1, -1, -1), key_states], dim=-2),
            torch.cat([self.values.expand(rows, -1, -1, -1), value_states], dim=-2),
        )


def _lent(cache: Any, length: int) -> Any:
    """A view of the beginning of ``cache`` for one more pass; None where its layers are of kinds that must be
    copied."""
    if type(cache) is not DynamicCache:
        return None
    view = copy.copy(cache)
    view.layers = []
    for layer in cache.layers:
        if not isinstance(layer, DynamicLayer) or type(layer) not in (DynamicLayer, GrowingLayer):
            return None
        lent = _Lent.__new__(_Lent)
        vars(lent).update(vars(layer))
        if layer.keys is not None and layer.values is not None:
            lent.keys, lent.values = layer.keys[..., :length, :], layer.values[..., :length, :]
        view.layers.append(lent)
    return view


def start_run(module: PreTrainedModel, encoder: EncoderStates | None = None, room: int = 0) -> DecoderRun:
    """A decoder run at its beginning."""
    accepts = frozenset(inspect.signature(module.forward).parameters)
    return DecoderRun(module, encoder, first_position=first_position(module), accepts=accepts, room=room)


def new_cache(module: PreTrainedModel) -> Any:
    """An empty key-value cache of the kind the model fills."""
    if module.config.is_encoder_decoder:
        config = module.get_decoder().config.get_text_config(decoder=True)
        return EncoderDecoderCache(DynamicCache(config=config), DynamicCache())
    return DynamicCache(config=module.config.get_text_config(decoder=True))


def can_continue(module: PreTrainedModel) -> bool:
    """Can a pass be continued from cached keys and values? State-space, recurrent and the earliest models cannot."""
    takes_cache = "past_key_values" in inspect.signature(module.forward).parameters
    return takes_cache and not getattr(module, "_is_stateful", False)


def run_encoder(module: PreTrainedModel, ids: Tensor, visible: Tensor, **extra: Any) -> EncoderStates:
    """The encoder's last states for ``ids`` of shape ``(rows, length)``."""
    encoder = module.get_encoder()
    with afresh(module), quick_linear(), in_pieces(encoder, ids.shape[1]), experts_named(module):
        given = {"input_ids": ids, "attention_mask": visible, "return_dict": True}
        output = call(encoder, given | extra, "last_hidden_state")
    return EncoderStates(output.last_hidden_state, visible, ids, tuple(getattr(output, "hidden_states", None) or ()))
