"""Special tokens of a model, with a stand-in for each that it lacks."""

from __future__ import annotations

from attrs import frozen
from transformers import PreTrainedModel, PreTrainedTokenizerBase


@frozen
class SpecialTokens:
    """Ids with a role. ``pad`` and ``unk`` always exist; for models without, another special token stands in."""

    bos: int | None
    eos: tuple[int, ...]
    pad: int
    unk: int
    decoder_start: int | None


def _many(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (int(value),)  # type: ignore[call-overload]


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
    pads = (getattr(config, "pad_token_id", None), tokenizer.pad_token_id, *eos, 0)
    pad = next(int(pad) for pad in pads if pad is not None and pad >= 0)
    unk = tokenizer.unk_token_id
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else getattr(config, "bos_token_id", None)
    start = None
    if config.is_encoder_decoder:
        starts = (
            getattr(config, "decoder_start_token_id", None),
            getattr(generation, "decoder_start_token_id", None),
            bos,
            pad,
        )
        start = next(int(start) for start in starts if start is not None)
    return SpecialTokens(bos=bos, eos=eos, pad=pad, unk=int(pad if unk is None else unk), decoder_start=start)
