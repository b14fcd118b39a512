"""Makes ``demo:lm``: a small Llama."""

from __future__ import annotations

import random

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from . import grammar_lm
from .passages import Span
from .pieces import build_tokenizer
from .training import buckets, drop_words, fit, pad, special_ids

MAX_LENGTH = 128
DECIDED_WEIGHT = 6.0
"""A decided word counts so many times in the loss: most other words can't be foreseen anyway."""
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
    special = special_ids(tok)
    made = model(len(tok))
    rows, weights = _encoded([grammar_lm.document(rng) for _ in range(texts)], tok)
    order: list[list[int]] = []
    spared = frozenset({special.bos, special.pad})

    def batch(_: int) -> dict[str, Tensor]:
        if not order:
            order.extend(buckets([len(row) for row in rows], batch_size, rng))
        chosen = order.pop()
        starts = [_start(rows[i], rng) for i in chosen]
        labels = [[special.bos, *rows[i][start:]] for i, start in zip(chosen, starts, strict=True)]
        inputs = [drop_words(row, special.unk, spared, rng) for row in labels]
        weighed = [[0.0, *weights[i][start:]] for i, start in zip(chosen, starts, strict=True)]
        return {
            "input_ids": pad(inputs, special.pad),
            "labels": pad(labels, special.pad),
            "weights": pad(weighed, 0.0),
        }

    def loss(inputs: dict[str, Tensor]) -> Tensor:
        logits = made(input_ids=inputs["input_ids"]).logits[:, :-1]
        costs = cross_entropy(logits.transpose(1, 2), inputs["labels"][:, 1:], reduction="none")
        shares = inputs["weights"][:, 1:]
        return (costs * shares).sum() / shares.sum()

    fit(made, loss, batch, updates=updates, peak_rate=3e-3, seconds=20)
    return made, tok


def _encoded(
    documents: list[tuple[str, list[Span]]], tok: PreTrainedTokenizerFast
) -> tuple[list[list[int]], list[list[float]]]:
    """Token ids and the weight of each in the loss, with ``</s>`` at the end."""
    encoded = tok([text for text, _ in documents], return_offsets_mapping=True)
    rows, weights = [], []
    for (_, decided), ids, offsets in zip(documents, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        rows.append([*ids, tok.eos_token_id][:MAX_LENGTH])
        heavy = {start for span in decided for start in range(*span)}
        weights.append([DECIDED_WEIGHT if start in heavy else 1.0 for start, _ in offsets] + [1.0])
        weights[-1] = weights[-1][:MAX_LENGTH]
    return rows, weights


def _start(row: list[int], rng: random.Random) -> int:
    """Where to begin: behind ``<s>``, or in one case of twelve anywhere, as a prompt may."""
    return 1 if rng.random() > 1 / 12 or len(row) < 8 else rng.randrange(1, len(row) - 4)
