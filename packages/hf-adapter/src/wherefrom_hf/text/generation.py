"""Generation: left-padded prompts with their masks, and answers as ids without padding."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelCapabilityError, SettingsError, WherefromError

from wherefrom_hf.running.answering import answering_by
from wherefrom_hf.running.experts import experts_named
from wherefrom_hf.running.lengths import afresh
from wherefrom_hf.running.samples import seeded
from wherefrom_hf.text.endings import endings
from wherefrom_hf.text.generation_settings import check_settings, counts_padding, effective, in_words


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
    beside: bool = True,
) -> list[list[IntArray]]:
    """See `wherefrom.adapters.SequenceModel.generate`.

    Args:
        pads_left: May prompts of different lengths share a batch, as far as the model is concerned?
        beside: May any?
    """
    check_settings(module, settings)
    together = pads_left and not counts_padding(module, settings, max(map(len, prompts), default=0))
    groups: dict[tuple[int, int, int], list[int]] = {}
    for i, prompt in enumerate(prompts):
        # prefixes of different lengths cannot share a batch: a decoder prefix takes no left padding
        prefix = 0 if decoder_prefixes is None else len(decoder_prefixes[i])
        groups.setdefault((prefix, 0 if together else len(prompt), 0 if beside else i), []).append(i)
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
        ids[i, :first] = prompt[0] if len(prompt) else pad_id  # hidden, and no id that the prompt does not have
        ids[i, first : first + len(prompt)] = prompt
        mask[i, first : first + len(prompt)] = 1
    said = effective(module, settings, "pad_token_id")
    ends_filled_with = pad_id if said is None or said < 0 else int(said)
    arguments: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids).to(device),
        "attention_mask": torch.from_numpy(mask).to(device),
        **settings,
        "pad_token_id": ends_filled_with,
    }
    ends, more = endings(module, tokenizer, settings, ends_filled_with)
    arguments.update(more)
    if prefixes is not None:
        arguments["decoder_input_ids"] = torch.from_numpy(np.stack(prefixes)).to(device)
    try:
        with torch.no_grad(), afresh(module), _from_what_was_said(module), experts_named(module):
            own: Any = module.generate  # its class may have one of its own
            output = own(**arguments)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        if not settings:
            raise ModelCapabilityError(
                f"{type(module).__name__} does not generate ({type(error).__name__}: {error}). Give the continuation "
                "as generated_texts."
            ) from error
        raise SettingsError(
            f"generation_args {in_words(settings)} do not fit {type(module).__name__}: {error}"
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
    """Within the block, generation is refused that reads anything else than what was said so far: tokens that the model
    adds or puts in the place of others, or embeddings in their place.

    Raises:
        ModelCapabilityError: As it says.
    """
    name, side = "prepare_inputs_for_generation", "decoder_" if module.config.is_encoder_decoder else ""
    prepare = getattr(module, name)

    @functools.wraps(prepare)
    def checked(input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        prepared = prepare(input_ids, *args, **kwargs)
        own = _of_its_own(input_ids, prepared.get(f"{side}input_ids"), prepared.get(f"{side}inputs_embeds"))
        if own is not None:
            raise ModelCapabilityError(
                f"{type(module).__name__} does not go on from what was said: to generate it {own} the "
                f"{input_ids.shape[1]} tokens it is given, so what it says is not what would be explained. Give the "
                "continuation as generated_texts."
            )
        return prepared

    with answering_by(module, checked, name):
        yield


def _of_its_own(said: torch.Tensor, read: Any, embeddings: Any) -> str | None:
    """What is read in place of what was said, as a verb and its object; None: the end of it is read."""
    if not isinstance(read, torch.Tensor):
        return None if embeddings is None else "reads embeddings of its own in place of"
    before = said.shape[1] - read.shape[1]
    if before < 0:
        return f"adds {-before} of its own tokens (a mask) to"
    return None if torch.equal(read, said[:, before:]) else "reads other tokens in place of some of"
