"""Vectors of tokens in their sentence, from an encoder other than the explained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from wherefrom.arrays import Array
from wherefrom.text.tokens import Token


@runtime_checkable
class EncodesTokens(Protocol):
    """Can look tokens up in a sentence encoder, to align texts by meaning."""

    def token_vectors(self, tokens: Sequence[Token], *, encoder: str) -> Array:
        """One vector per token of a text, whatever pieces the encoder cuts the text into.

        Args:
            tokens: The whole text, in order.
            encoder: Name or path of the sentence encoder.

        Returns:
            Shape ``(len(tokens), width)``; zero for tokens without visible text.
        """
        ...
