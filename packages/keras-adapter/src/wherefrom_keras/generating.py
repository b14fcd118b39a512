"""Continuing a text: the most likely token, or one that is drawn, step by step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from attrs import frozen
from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import SettingsError
from wherefrom.settings import from_mapping


@frozen(kw_only=True)
class Generation:
    """How a text is continued; names as transformers has them."""

    max_new_tokens: int = 20
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    num_return_sequences: int = 1

    def __attrs_post_init__(self) -> None:
        if not self.temperature > 0:
            raise SettingsError(f"temperature = {self.temperature!r} must be above 0. do_sample=False is greedy.")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"top_p = {self.top_p!r} must be above 0, and at most 1.")
        if self.top_k is not None and self.top_k < 1:
            raise SettingsError(f"top_k = {self.top_k!r} must be at least 1, or None.")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Generation:
        """From names and values.

        Raises:
            SettingsError: One is unknown or out of range.
        """
        return from_mapping(cls, dict(given), where="generation by framework 'keras_hub'")

    def following(self, logits: FloatArray, rng: np.random.Generator) -> int:
        """The next token, from logits of shape ``(vocabulary,)``."""
        if not self.do_sample:
            return int(logits.argmax())
        order = np.argsort(-logits, kind="stable")
        scaled = logits[order].astype(np.float64) / self.temperature
        shares = np.exp(scaled - scaled[0])
        shares[self.top_k or len(shares) :] = 0
        shares /= shares.sum()
        shares[np.cumsum(shares) - shares >= self.top_p] = 0  # those before it make up the share already
        return int(rng.choice(order, p=shares / shares.sum()))


def continued(
    prompt: IntArray,
    settings: Generation,
    following: Callable[[IntArray], FloatArray],
    ends: Collection[int],
    longest: int | None,
    rng: np.random.Generator,
) -> IntArray:
    """The prompt and what comes after it.

    Args:
        following: From ids to the logits of what follows them.
        ends: Tokens that end a text.
        longest: Tokens in all, at most.
    """
    ids = prompt
    most = len(prompt) + settings.max_new_tokens
    while len(ids) < min(most, longest or most):
        ids = np.append(ids, settings.following(following(ids), rng))
        if int(ids[-1]) in ends:
            break
    return ids
