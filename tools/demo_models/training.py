"""The training loop, the same for both models."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

IGNORED = -100
T = TypeVar("T", int, float)


class Special(NamedTuple):
    """Ids that the training needs."""

    bos: int
    pad: int
    unk: int


def special_ids(tokenizer: PreTrainedTokenizerFast) -> Special:
    """The special tokens of a tokenizer that was built here; -1 for one it lacks."""
    found: list[Any] = [tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id]
    return Special(*(-1 if one is None else int(one) for one in found))


def drop_words(
    ids: Sequence[int], unknown: int, spared: frozenset[int], rng: random.Random, *, often: float = 0.25
) -> list[int]:
    """``ids`` with some of them replaced by ``unknown``, in the share ``often`` of the sequences.

    Half of those lose one to three tokens, the others a share drawn from 0 to 1: every way of leaving
    words out that an attribution method may try has been seen in training.
    """
    chance = rng.random()
    if chance > often:
        return list(ids)
    open_positions = [i for i, token in enumerate(ids) if token not in spared]
    count = rng.randint(1, 3) if chance < often / 2 else round(rng.random() * len(open_positions))
    gone = set(rng.sample(open_positions, min(count, len(open_positions))))
    return [unknown if i in gone else token for i, token in enumerate(ids)]


def pad(rows: Sequence[Sequence[T]], filling: T) -> Tensor:
    """``rows`` side by side. Shape ``(rows, longest)``."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows])


def fit(
    model: PreTrainedModel,
    cost: Callable[[dict[str, Tensor]], Tensor],
    batch: Callable[[int], dict[str, Tensor]],
    *,
    updates: int,
    peak_rate: float,
    seconds: float = math.inf,
) -> int:
    """Train ``model`` in place and return the number of updates made.

    Args:
        model: The model.
        cost: The number to lower, of one batch.
        batch: Gives the inputs of one update.
        updates: How many updates to make.
        peak_rate: Highest learning rate; it rises over 5 % of the updates and falls as a cosine.
        seconds: Print a line about every so many seconds.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak_rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm = max(1, updates // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda u: min(1.0, (u + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * u / updates))),
    )
    model.train()
    began = told = time.monotonic()
    for update in range(updates):
        loss = cost(batch(update))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if time.monotonic() - told > seconds:
            told = time.monotonic()
            print(f"  update {update + 1}/{updates}  loss {loss.item():.3f}  {told - began:.0f} s", flush=True)
    model.eval()
    return updates


def buckets(lengths: Sequence[int], size: int, rng: random.Random) -> list[list[int]]:
    """Batches of ``size`` indices whose lengths are alike, in random order."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], rng.random()))
    batches = [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
    rng.shuffle(batches)
    return batches
