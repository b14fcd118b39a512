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


def special_tokens(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
    """The special tokens by the word of the generation settings, the model's configuration and the tokenizer.

    Stand-ins: padding is done with an end token, else with id 0; an unknown token is padding.
    """
    config = module.config
    generation = module.generation_config
    eos = tuple(
        dict.fromkeys(
            [
                *_many(getattr(generation, "eos_token_id", None)),
                *_many(getattr(config, "eos_token_id", None)),
                *_many(tokenizer.eos_token_id),
            ]
        )
    )
    pad = _first(getattr(config, "pad_token_id", None), tokenizer.pad_token_id, *eos) or 0
    unk = _first(tokenizer.unk_token_id)
    bos = _first(tokenizer.bos_token_id, getattr(config, "bos_token_id", None))
    start = None
    if config.is_encoder_decoder:
        start = _first(
            getattr(config, "decoder_start_token_id", None),
            getattr(generation, "decoder_start_token_id", None),
            bos,
            pad,
        )
    return SpecialTokens(
        bos=bos,
        eos=eos,
        pad=pad,
        unk=pad if unk is None else unk,
        mask=_first(tokenizer.mask_token_id),
        decoder_start=start,
    )
