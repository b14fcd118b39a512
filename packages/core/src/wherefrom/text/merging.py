"""Several tokens as one: what a unit is called, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from wherefrom.text.tokens import Token

Span: TypeAlias = tuple[int, int]
"""First index and the one after the last, in a list of tokens."""


def merged_token(tokens: Sequence[Token]) -> Token:
    """Several neighbouring tokens as one unit; one token as itself.

    The unit begins where the first token with a place in the text begins, and ends where the last one ends. It has a
    word's index if all its tokens have that one.

    Example:
        >>> texts = [" walk", "ing"]
        >>> unit = merged_token([Token(id=i, piece=text, text=text, position=4 + i) for i, text in enumerate(texts)])
        >>> unit.text, unit.position, unit.size
        (' walking', 4, 2)
    """
    if len(tokens) == 1:
        return tokens[0]
    first, last = tokens[0], tokens[-1]
    words = {token.word for token in tokens}
    starts = [token.start for token in tokens if token.start is not None]
    ends = [token.end for token in tokens if token.end is not None]
    return Token(
        id=-1,
        piece="".join(token.piece for token in tokens),
        text="".join(token.text for token in tokens),
        position=first.position,
        size=last.position + last.size - first.position,
        start=starts[0] if starts else None,
        end=ends[-1] if ends else None,
        special=all(token.special for token in tokens),
        word=words.pop() if len(words) == 1 else None,
    )


def merged_tokens(tokens: Sequence[Token], spans: Sequence[Span]) -> tuple[Token, ...]:
    """One token per span."""
    return tuple(merged_token(tokens[start:end]) for start, end in spans)
