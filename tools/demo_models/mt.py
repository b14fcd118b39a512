"""Makes ``demo:mt``: a small Marian."""

from __future__ import annotations

import random

import torch
from torch import Tensor
from transformers import GenerationConfig, MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from . import grammar_mt
from .pieces import BREAK, EOS, PAD, UNK, build_tokenizer
from .training import IGNORED, buckets, drop_words, fit, pad, special_ids

MAX_LENGTH = 128


def tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of ``demo:mt``, one for both languages; it puts ``</s>`` behind."""
    specials = (PAD, EOS, UNK, BREAK)
    return build_tokenizer(grammar_mt.words(), begin=False, max_length=MAX_LENGTH, specials=specials)


def model(vocabulary: int) -> MarianMTModel:
    """An untrained model."""
    made = MarianMTModel(
        MarianConfig(
            vocab_size=vocabulary,
            d_model=128,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=256,
            decoder_ffn_dim=256,
            max_position_embeddings=MAX_LENGTH,
            dropout=0.0,
            attention_dropout=0.0,
            activation_function="swish",
            scale_embedding=True,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
            decoder_start_token_id=0,
            forced_eos_token_id=None,
        )
    )
    made.generation_config = GenerationConfig(
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        do_sample=False,
        num_beams=1,
        max_new_tokens=48,
    )
    return made


def train(
    *, seed: int, updates: int, texts: int, batch_size: int = 64
) -> tuple[MarianMTModel, PreTrainedTokenizerFast]:
    """Train from scratch on ``texts`` sentence pairs."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    tok = tokenizer()
    special = special_ids(tok)
    made = model(len(tok))
    drawn = [grammar_mt.pair(rng) for _ in range(texts)]
    sources = tok([source for source, _ in drawn])["input_ids"]
    targets = tok([target for _, target in drawn])["input_ids"]
    order: list[list[int]] = []
    spared = frozenset({special.pad})

    def dropped(row: list[int]) -> list[int]:
        return drop_words(row, special.unk, spared, rng, often=0.35)

    def batch(_: int) -> dict[str, Tensor]:
        if not order:
            lengths = [len(s) + len(t) for s, t in zip(sources, targets, strict=True)]
            order.extend(buckets(lengths, batch_size, rng))
        chosen = order.pop()
        read = [dropped(sources[i]) for i in chosen]
        written = [[special.pad, *dropped(targets[i][:-1])] for i in chosen]
        return {
            "input_ids": pad(read, special.pad),
            "attention_mask": pad([[1] * len(row) for row in read], 0),
            "decoder_input_ids": pad(written, special.pad),
            "labels": pad([targets[i] for i in chosen], IGNORED),
        }

    fit(made, lambda inputs: made(**inputs).loss, batch, updates=updates, peak_rate=2e-3, seconds=20)
    return made, tok
