"""Readable text in place of vocabulary pieces."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec.structs import replace

from wherefrom.results.data import AnyAttribution
from wherefrom.text.tokens import Token


class Decodes(Protocol):
    """A tokenizer, as far as it is needed here."""

    def decode(self, ids: list[int], /) -> Any: ...


def decoded(attribution: AnyAttribution, tokenizer: Decodes | None = None) -> AnyAttribution:
    """Pieces and texts as the tokenizer decodes each id; merged units keep theirs.

    Args:
        tokenizer: None: pieces become the texts that are there already.
    """

    def readable(token: Token) -> Token:
        if tokenizer is None:
            return replace(token, piece=token.text)
        if token.id < 0:
            return token
        text = str(tokenizer.decode([token.id]))
        return replace(token, piece=text, text=text)

    return attribution.replace(
        source=tuple(readable(token) for token in attribution.source),
        target=tuple(readable(token) for token in attribution.target),
    )
