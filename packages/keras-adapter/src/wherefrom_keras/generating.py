"""Continuing a text: the most likely token, or one that is drawn, step by step."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from attrs import frozen
from wherefrom.adapters import generation
from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import InputError, SettingsError


@frozen(kw_only=True)
class Generation(generation.Generation):
    """How a text is continued, here."""

    top_k: int | None = None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.top_k is not None and self.top_k < 1:
            raise SettingsError(f"top_k = {self.top_k!r} must be at least 1, or None.")

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

    Raises:
        InputError: The prompt has no token.
    """
    if not len(prompt):
        raise InputError(
            "Nothing stands before the first token, so it cannot be predicted: the prompt has no token, and the model "
            "puts none in front. Give a text of at least one token."
        )
    ids = prompt
    most = len(prompt) + settings.max_new_tokens
    while len(ids) < min(most, longest or most):
        ids = np.append(ids, settings.following(following(ids), rng))
        if int(ids[-1]) in ends:
            break
    return ids
