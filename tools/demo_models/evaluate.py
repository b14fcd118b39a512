"""How often a demo model gets the decided word right, and whether its cue can be seen from outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom_hf.demo import CueSpan, GoldCue

from .training import pad


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A gold example as token ids."""

    source: list[int]
    """Encoder input; empty for a decoder-only model."""

    target: list[int]
    """Decoder input up to the last decided token."""

    steps: list[int]
    """Positions of the decided tokens in ``target``."""

    visible: dict[tuple[str, int], tuple[int, int]]
    """Tokens that can be left out, by side and position, with their characters; no special tokens."""


def encode(tokenizer: Any, example: GoldCue, *, decoder_only: bool, start: int | None = None) -> Encoded:
    """Token ids of ``example``; ``start`` is put in front of an encoder-decoder's target."""
    kept = tokenizer(example.target, return_offsets_mapping=True, add_special_tokens=decoder_only)
    shift = 0 if decoder_only else 1
    ids = ([] if decoder_only else [start]) + kept["input_ids"]
    spans = {i + shift: span for i, span in enumerate(kept["offset_mapping"]) if span[1] > span[0]}
    steps = [i for i, span in spans.items() if _meets(span, example.decided)]
    visible = {("target", i): span for i, span in spans.items() if i < steps[0]}
    source: list[int] = []
    if not decoder_only:
        read = tokenizer(example.source, return_offsets_mapping=True)
        source = read["input_ids"]
        special = set(tokenizer.all_special_ids)
        visible |= {
            ("source", i): span
            for i, (token, span) in enumerate(zip(source, read["offset_mapping"], strict=True))
            if token not in special
        }
    return Encoded(source=source, target=ids[: steps[-1] + 1], steps=steps, visible=visible)


def _meets(span: tuple[int, int], cue: CueSpan) -> bool:
    return span[0] < cue.stop and cue.start < span[1]


def is_gold(side: str, span: tuple[int, int], cues: Iterable[CueSpan], *, decoder_only: bool) -> bool:
    """Whether the token with the characters ``span`` is one of ``cues``."""
    return any(_meets(span, cue) and (decoder_only or cue.side == side) for cue in cues)


@torch.inference_mode()
def log_probs(model: PreTrainedModel, rows: Sequence[tuple[list[int], list[int]]], size: int = 256) -> list[Tensor]:
    """Log-probabilities of the next token after each position, for rows of (source, target) ids."""
    found: list[Tensor] = []
    for begin in range(0, len(rows), size):
        part = rows[begin : begin + size]
        targets = pad([target for _, target in part], 0)
        if model.config.is_encoder_decoder:
            sources = pad([source for source, _ in part], 0)
            mask = pad([[1] * len(source) for source, _ in part], 0)
            logits = model(input_ids=sources, attention_mask=mask, decoder_input_ids=targets).logits
        else:
            logits = model(input_ids=targets).logits
        found += [row[: len(target)] for row, (_, target) in zip(logits.log_softmax(-1), part, strict=True)]
    return found


def accuracy(model: PreTrainedModel, tokenizer: Any, examples: Sequence[GoldCue]) -> dict[str, tuple[int, int]]:
    """Right predictions and examples per dependency: every decided token is the most probable one."""
    start = model.config.decoder_start_token_id if model.config.is_encoder_decoder else None
    encoded = [encode(tokenizer, e, decoder_only=not model.config.is_encoder_decoder, start=start) for e in examples]
    scores = log_probs(model, [(e.source, e.target) for e in encoded])
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for example, enc, score in zip(examples, encoded, scores, strict=True):
        tally[example.dependency][0] += all(int(score[i - 1].argmax()) == enc.target[i] for i in enc.steps)
        tally[example.dependency][1] += 1
    return {name: (right, count) for name, (right, count) in tally.items()}


def occlusion_precision(
    model: PreTrainedModel, tokenizer: Any, examples: Sequence[GoldCue], *, contrastive: bool
) -> dict[str, tuple[int, int, int]]:
    """Per dependency: how often leaving out a cue costs most, a cue or its company costs most, examples.

    The cost of a token is the log-probability that the decided word loses, in nats, when ``<unk>`` stands
    in the token's place; with ``contrastive``, what it loses against the first piece in which the foil
    differs.
    """
    decoder_only = not model.config.is_encoder_decoder
    start = None if decoder_only else model.config.decoder_start_token_id
    unknown = tokenizer.unk_token_id
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for example in examples:
        enc = encode(tokenizer, example, decoder_only=decoder_only, start=start)
        rows = []
        for side, position in enc.visible:
            source, target = list(enc.source), list(enc.target)
            (source if side == "source" else target)[position] = unknown
            rows.append((source, target))
        scores = log_probs(model, rows)
        if contrastive and example.contrast is not None:
            foil = tokenizer(example.contrast, add_special_tokens=decoder_only)["input_ids"]
            foil = foil if decoder_only else [start, *foil]
            step = next((i for i in enc.steps if i < len(foil) and foil[i] != enc.target[i]), None)
            if step is None:  # the foil only goes on where the word ends, or the other way round
                continue
            left = [float(s[step - 1, enc.target[step]] - s[step - 1, foil[step]]) for s in scores]
        else:
            left = [sum(float(s[i - 1, enc.target[i]]) for i in enc.steps) for s in scores]
        (side, _), span = list(enc.visible.items())[min(range(len(rows)), key=left.__getitem__)]
        counts = tally[example.dependency]
        counts[0] += is_gold(side, span, example.cues, decoder_only=decoder_only)
        counts[1] += is_gold(side, span, (*example.cues, *example.also), decoder_only=decoder_only)
        counts[2] += 1
    return {name: (cue, company, count) for name, (cue, company, count) in tally.items()}
