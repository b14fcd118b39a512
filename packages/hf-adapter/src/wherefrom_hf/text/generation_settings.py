"""What generation goes by: a setting of the call, else of a configuration given with it, else of the model's."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import GenerationConfig, GenerationMixin, PreTrainedModel
from wherefrom.errors import SettingsError, nearest
from wherefrom.settings import LARGEST_COUNT, check_whole

_FROM_ZERO = {"min_length", "min_new_tokens", "top_k", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"}
_COUNTS = {"num_beams", "num_return_sequences", "max_length", "max_new_tokens", *_FROM_ZERO}
"""Settings that count: what they cannot be ends here, not somewhere in a tensor."""

_INPUTS = {"inputs", "decoder_input_ids", "encoder_outputs", "past_key_values"}
"""What is read while generating, whether or not ``forward`` names it."""

_SEES_SOURCE = ("encoder_repetition_penalty", "encoder_no_repeat_ngram_size")
"""Settings that look at the ids of what an encoder reads, or of the prompt."""

_SEES_PROMPT = (
    "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "sequence_bias", "bad_words_ids", "watermarking_config",
    "logits_processor", "prefix_allowed_tokens_fn", "custom_generate",
)  # fmt: skip
"""Settings that look at the order or at the number of all ids so far, or may: padding would be among them."""

_NEW_TOKENS = 20
"""That transformers generates where nobody says how many, as far as positions reach."""


def effective(module: PreTrainedModel, settings: Mapping[str, Any], name: str) -> Any:
    """The value that generation takes for ``name``; None: nobody says one.

    As transformers has it: what is given by name holds, also None; what a given ``generation_config`` leaves open, the
    model's own says.
    """
    if name in settings:
        return settings[name]
    configs = (settings.get("generation_config"), module.generation_config)
    values = (getattr(config, name, None) for config in configs)
    return next((value for value in values if value is not None), None)


def check_settings(module: PreTrainedModel, settings: Mapping[str, Any]) -> None:
    """Refuse settings that generation does not know, or that change what is read, before it runs.

    Raises:
        SettingsError: As it says.
    """
    known = {*vars(GenerationConfig()), *vars(module.generation_config), "tokenizer"}
    inputs = {*_INPUTS, *inspect.signature(module.forward).parameters} - known
    general: Any = GenerationMixin.generate  # pyright: ignore[reportAttributeAccessIssue]
    own: Any = module.generate  # of a class that has one, with more to set
    for generate in (general, own):
        known |= {*inspect.signature(generate).parameters} - inputs
    for name in settings:
        if name in inputs:
            raise SettingsError(
                f"generation_args has {name!r}, an input of the model: with it, other things would be read while "
                "generating than are explained. Give ids as input_texts, and the beginning of a decoder's answer as "
                "generated_texts with generate_from_target_prefix=True."
            )
        if name not in known:
            raise SettingsError(
                f"generation_args has no setting {name!r}.{nearest(name, known)} It takes what generate() of "
                "transformers takes, such as max_new_tokens, num_beams, do_sample, forced_bos_token_id."
            )
    for name in _COUNTS & {name for name, value in settings.items() if value is not None}:
        check_whole(f"generation_args: {name}", settings[name], 0 if name in _FROM_ZERO else 1, LARGEST_COUNT)
    if settings.get("pad_token_id") is not None:
        check_whole("generation_args: pad_token_id", settings["pad_token_id"], -1, 2**31 - 1)


def counts_padding(module: PreTrainedModel, settings: Mapping[str, Any], longest: int) -> bool:
    """Do these settings take what a prompt is padded with for a part of it?

    Where an encoder reads the prompt, only the answer counts, but for what looks at the source. Penalties for
    repetition ask which ids there are: prompts are padded on the left with an id of theirs, so padding adds none.

    Args:
        longest: Tokens of the longest prompt.
    """
    if module.config.is_encoder_decoder:
        return any(_says(module, settings, name) for name in _SEES_SOURCE)
    if any(_says(module, settings, name) for name in _SEES_PROMPT):
        return True
    if effective(module, settings, "forced_bos_token_id") is not None:  # behind a first token, which a pad may be
        return True
    if effective(module, settings, "max_new_tokens") is None:
        if effective(module, settings, "max_length") is not None:
            return True
        most = getattr(module.config, "max_position_embeddings", None)
        if most is not None and longest + _NEW_TOKENS > most:
            return True
    of_new = effective(module, settings, "min_new_tokens")
    return of_new is None and bool(effective(module, settings, "min_length"))


def _says(module: PreTrainedModel, settings: Mapping[str, Any], name: str) -> bool:
    """Is a setting in force?"""
    value = effective(module, settings, name)
    return bool(value) and not (name.endswith("penalty") and value == 1.0)


def in_words(settings: Mapping[str, Any]) -> str:
    """Settings for a message: a model among them by its class alone."""
    return repr(
        {name: type(value).__name__ if isinstance(value, nn.Module) else value for name, value in settings.items()}
    )
