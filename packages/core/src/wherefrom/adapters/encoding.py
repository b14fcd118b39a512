"""A text as a model reads it, and which of its two sequences that is."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from wherefrom.arrays import IntArray
from wherefrom.text.tokens import Segment, Token

Side = Literal["source", "target"]
"""``"source"``: what the encoder reads. ``"target"``: the decoder's sequence, the only one of a decoder-only model."""


@frozen(kw_only=True, eq=False)
class Encoding:
    """A text as ids and tokens."""

    ids: IntArray
    tokens: tuple[Token, ...]
    text: str
    """The text that was encoded: as given, or a chat rendered by the tokenizer's template."""
    segments: tuple[Segment, ...] = ()
