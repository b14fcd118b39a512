"""Makes ``demo:lm``: a small Llama."""

from __future__ import annotations

import random

import torch
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from . import grammar_lm
from .pieces import build_tokenizer
from .training import IGNORED, buckets, drop_words, fit, pad

MAX_LENGTH = 128
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}"
    "{% if not loop.last or add_generation_prompt %}{{ '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of ``demo:lm``; it puts ``<s>`` in front."""
    made = build_tokenizer(grammar_lm.words(), begin=True, max_length=MAX_LENGTH)
    made.chat_template = CHAT_TEMPLATE
    return made


def model(vocabulary: int) -> LlamaForCausalLM:
    """An untrained model."""
    made = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=MAX_LENGTH,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    made.generation_config = GenerationConfig(
        pad_token_id=0, bos_token_id=1, eos_token_id=2, do_sample=False, max_new_tokens=32
    )
    return made


def train(
    *, seed: int, updates: int, texts: int, batch_size: int = 64
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Train from scratch on ``texts`` texts."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    tok = tokenizer()
    made = model(len(tok))
    drawn = [grammar_lm.document(rng) for _ in range(texts)]
    rows = [[*ids, tok.eos_token_id][:MAX_LENGTH] for ids in tok(drawn)["input_ids"]]
    order: list[list[int]] = []
    spared = frozenset({tok.bos_token_id, tok.pad_token_id})

    def batch(_: int) -> dict[str, Tensor]:
        if not order:
            order.extend(buckets([len(row) for row in rows], batch_size, rng))
        chosen = [_cropped(rows[i], rng) for i in order.pop()]
        inputs = pad([drop_words(row, tok.unk_token_id, spared, rng) for row in chosen], tok.pad_token_id)
        return {"input_ids": inputs, "labels": pad(chosen, IGNORED)}

    fit(made, batch, updates=updates, peak_rate=3e-3, seconds=20)
    return made, tok


def _cropped(row: list[int], rng: random.Random) -> list[int]:
    """``row``, or in one case of twelve its end only: prompts needn't begin with a sentence."""
    if rng.random() > 1 / 12 or len(row) < 8:
        return row
    return [row[0], *row[rng.randrange(1, len(row) - 4) :]]
