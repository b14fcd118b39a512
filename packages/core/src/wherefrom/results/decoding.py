"""Readable text in place of vocabulary pieces."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from msgspec.structs import replace

from wherefrom.errors import InputError
from wherefrom.results.data import AnyAttribution
from wherefrom.text.tokens import Token


@runtime_checkable
class Decodes(Protocol):
    """A tokenizer, as far as it is needed here."""

    def decode(self, ids: list[int], /) -> Any: ...


def decoded(attribution: AnyAttribution, tokenizer: Decodes | None = None) -> AnyAttribution:
    """Pieces and texts as the tokenizer decodes each id; merged units keep theirs.

    An id that is decoded alone loses its space, or is a part of a character. So texts that say the same stay, others
    keep the space in front of them, and tokens without text stay without.

    Args:
        tokenizer: None: pieces become the texts that are there already.

    Raises:
        InputError: It decodes nothing.
    """
    if not isinstance(tokenizer, Decodes | None):
        raise InputError(f"{tokenizer!r:.120} is no tokenizer: it has no decode(ids). Give the model's, or None.")

    def readable(token: Token) -> Token:
        if tokenizer is None:
            return replace(token, piece=token.text)
        if token.id < 0 or not token.text:
            return token
        text = _in_place(token, str(tokenizer.decode([token.id])))
        return replace(token, piece=text, text=text)

    return attribution.replace(
        source=tuple(readable(token) for token in attribution.source),
        target=tuple(readable(token) for token in attribution.target),
    )


def _in_place(token: Token, alone: str) -> str:
    """A token's text at its place, from what its id is decoded to alone."""
    known = token.text
    if "\ufffd" in alone or alone.strip() == known.strip():
        return known
    gap = known[: len(known) - len(known.lstrip())]
    return alone if alone[:1].isspace() else gap + alone
