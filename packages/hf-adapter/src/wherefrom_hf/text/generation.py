"""Generation: left-padded prompts with their masks, and answers as ids without padding."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from transformers import GenerationMixin, PreTrainedModel, PreTrainedTokenizerBase
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelCapabilityError, SettingsError, WherefromError, nearest
from wherefrom.settings import LARGEST_COUNT, check_whole

from wherefrom_hf.running.answering import answering_by
from wherefrom_hf.running.samples import seeded
from wherefrom_hf.text.endings import endings


def generate(
    module: PreTrainedModel,
    prompts: Sequence[IntArray],
    *,
    decoder_prefixes: Sequence[IntArray] | None,
    settings: Mapping[str, Any],
    seed: int | None,
    pad_id: int,
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device,
    pads_left: bool = True,
) -> list[list[IntArray]]:
    """See `wherefrom.adapters.SequenceModel.generate`.

    Args:
        pads_left: May prompts of different lengths share a batch, as far as the model is concerned?
    """
    _check_names(module, settings)
    if decoder_prefixes is not None:
        # prefixes of different lengths cannot share a batch: a decoder prefix takes no left padding
        groups: dict[int, list[int]] = {}
        for i, prefix in enumerate(decoder_prefixes):
            groups.setdefault(len(prefix), []).append(i)
    else:
        groups = {}
        together = pads_left and not _counts_padding(module, settings, max(map(len, prompts), default=0))
        for i, prompt in enumerate(prompts):
            groups.setdefault(0 if together else len(prompt), []).append(i)
    answers: list[list[IntArray]] = [[] for _ in prompts]
    with seeded(device, seed) if seed is not None else nullcontext():
        for members in groups.values():
            prefixes = None if decoder_prefixes is None else [decoder_prefixes[i] for i in members]
            done = _generate(module, [prompts[i] for i in members], prefixes, settings, pad_id, tokenizer, device)
            for i, sequences in zip(members, done, strict=True):
                answers[i] = sequences
    return answers


def _generate(
    module: PreTrainedModel,
    prompts: Sequence[IntArray],
    prefixes: Sequence[IntArray] | None,
    settings: Mapping[str, Any],
    pad_id: int,
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device,
) -> list[list[IntArray]]:
    length = max(len(prompt) for prompt in prompts)
    ids = np.full((len(prompts), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(prompts), length), dtype=np.int64)
    for i, prompt in enumerate(prompts):
        # a continuation needs its prompt's end at the end; an encoder's positions count from its beginning
        first = 0 if module.config.is_encoder_decoder else length - len(prompt)
        ids[i, first : first + len(prompt)] = prompt
        mask[i, first : first + len(prompt)] = 1
    arguments: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids).to(device),
        "attention_mask": torch.from_numpy(mask).to(device),
        "pad_token_id": pad_id,
        **settings,
    }
    ends, more = endings(module, tokenizer, settings, int(arguments["pad_token_id"]))
    arguments.update(more)
    if prefixes is not None:
        arguments["decoder_input_ids"] = torch.from_numpy(np.stack(prefixes)).to(device)
    try:
        with torch.no_grad(), _from_what_was_said(module):
            output = GenerationMixin.generate(module, **arguments)  # type: ignore[arg-type]
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise SettingsError(
            f"generation_args {dict(settings)!r} do not fit {type(module).__name__}: {error}"
        ) from error
    sequences = (output if isinstance(output, torch.Tensor) else output.sequences).cpu().numpy()
    if len(sequences) % len(prompts):
        raise WherefromError(f"{len(sequences)} sequences came back for {len(prompts)} prompts; expected a multiple.")
    each = len(sequences) // len(prompts)
    answers: list[list[IntArray]] = []
    for i, prompt in enumerate(prompts):
        mine: list[IntArray] = []
        for row in range(i * each, (i + 1) * each):
            sequence = sequences[row]
            if module.config.is_encoder_decoder:
                given = 1 if prefixes is None else len(prefixes[i])
                mine.append(sequence[: ends.end(sequence, given, row)].astype(np.int64))
            else:
                said = sequence[length : ends.end(sequence, length, row)]
                mine.append(np.concatenate([prompt, said]).astype(np.int64))
        answers.append(mine)
    return answers


@contextmanager
def _from_what_was_said(module: PreTrainedModel) -> Iterator[None]:
    """Within the block, generation is refused that adds tokens of its own to what a decoder-only model reads.

    Raises:
        ModelCapabilityError: As it says.
    """
    if module.config.is_encoder_decoder:
        yield
        return
    name = "prepare_inputs_for_generation"
    prepare = getattr(module, name)

    @functools.wraps(prepare)
    def checked(input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        prepared = prepare(input_ids, *args, **kwargs)
        read = prepared.get("input_ids")
        if isinstance(read, torch.Tensor) and read.shape[1] > input_ids.shape[1]:
            raise ModelCapabilityError(
                f"{type(module).__name__} does not go on from what was said: to generate it adds "
                f"{read.shape[1] - input_ids.shape[1]} of its own tokens (a mask) to the {input_ids.shape[1]} it is "
                "given, so what it says is not what would be explained. Give the continuation as generated_texts."
            )
        return prepared

    with answering_by(module, checked, name):
        yield


def _counts_padding(module: PreTrainedModel, settings: Mapping[str, Any], longest: int) -> bool:
    """Do these settings take what a prompt is padded with for a part of it?

    Where an encoder reads the prompt, only the answer counts.

    Args:
        longest: Tokens of the longest prompt.
    """
    if module.config.is_encoder_decoder:
        return False
    configs = [one for one in (settings.get("generation_config"), module.generation_config) if one is not None]

    def effective(name: str) -> Any:
        values = (settings.get(name), *(getattr(config, name, None) for config in configs))
        return next((value for value in values if value is not None), None)

    if effective("max_new_tokens") is None:
        if effective("max_length") is not None:
            return True
        most = getattr(module.config, "max_position_embeddings", None)
        if most is not None and longest + _NEW_TOKENS > most:
            return True
    return effective("min_new_tokens") is None and bool(effective("min_length"))


_NEW_TOKENS = 20
"""That transformers generates where nobody says how many, as far as positions reach."""

_FROM_ZERO = {"min_length", "min_new_tokens", "top_k", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"}
_COUNTS = {"num_beams", "num_return_sequences", "max_length", "max_new_tokens", *_FROM_ZERO}
"""Settings that count: what they cannot be ends here, not somewhere in a tensor."""


def _check_names(module: PreTrainedModel, settings: Mapping[str, Any]) -> None:
    """Refuse settings that generation does not know, before it runs."""
    generate: Any = GenerationMixin.generate  # pyright: ignore[reportAttributeAccessIssue]
    known = {*vars(module.generation_config), *inspect.signature(generate).parameters}
    known |= {"tokenizer", *inspect.signature(module.forward).parameters}
    for name in settings:
        if name not in known:
            raise SettingsError(
                f"generation_args has no setting {name!r}.{nearest(name, known)} It takes what generate() of "
                "transformers takes, such as max_new_tokens, num_beams, do_sample, forced_bos_token_id."
            )
    for name in _COUNTS & {name for name, value in settings.items() if value is not None}:
        check_whole(f"generation_args: {name}", settings[name], 0 if name in _FROM_ZERO else 1, LARGEST_COUNT)
