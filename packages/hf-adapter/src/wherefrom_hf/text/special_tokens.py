"""Special tokens of a model, with a stand-in for each that it lacks."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from transformers import PreTrainedModel, PreTrainedTokenizerBase


@frozen
class SpecialTokens:
    """Ids with a role. ``pad`` and ``unk`` always exist; for models without, another special token stands in."""

    bos: int | None
    eos: tuple[int, ...]
    pad: int
    unk: int
    mask: int | None
    decoder_start: int | None


def _many(value: Any) -> tuple[int, ...]:
    """Ids as configurations and tokenizers give them: none, one, or several."""
    if value is None:
        return ()
    return tuple(int(one) for one in value) if isinstance(value, list | tuple) else (int(value),)


def _first(*values: Any) -> int | None:
    """The first id among these; negative ones are stand-ins for none."""
    return next((one for value in values for one in _many(value) if one >= 0), None)


def _said(name: str, *configs: Any) -> list[Any]:
    """What these configurations say; None where one says nothing, or is none."""
    return [getattr(config, name, None) for config in configs]


def special_tokens(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
    """The special tokens by the word of the generation settings, the model's configuration and the tokenizer.

    In this order, as generation takes them; what a text begins with is what the tokenizer puts there. All of them may
    change between two calls. Stand-ins: padding is done with an end token, else with id 0; an unknown token is padding.
    """
    config = module.config
    generation = module.generation_config
    ends = (*_said("eos_token_id", generation, config), tokenizer.eos_token_id)
    eos = tuple(dict.fromkeys(one for said in ends for one in _many(said)))
    pad = _first(*_said("pad_token_id", generation, config), tokenizer.pad_token_id, *eos) or 0
    unk = _first(tokenizer.unk_token_id)
    bos = _first(tokenizer.bos_token_id, *_said("bos_token_id", generation, config))
    start = None
    if config.is_encoder_decoder:
        start = _first(*_said("decoder_start_token_id", generation, config), bos, pad)
    return SpecialTokens(
        bos=bos,
        eos=eos,
        pad=pad,
        unk=pad if unk is None else unk,
        mask=_first(tokenizer.mask_token_id),
        decoder_start=start,
    )
