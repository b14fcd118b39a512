"""Tokens from what each of them spells, for tokenisers that tell bytes but no places in the text."""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.arrays import IntArray
from wherefrom.text.segmentation import word_indices
from wherefrom.text.tokens import Token

LONGEST = 64
"""Bytes of unfinished characters that are waited for before they are shown as broken."""


def _byte_letters() -> dict[int, str]:
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(256 + rank) for rank, byte in enumerate(others)}


BYTE_LETTERS = _byte_letters()
"""The letters of byte-level vocabularies that differ from Latin-1: printable bytes stand for themselves, the others are
written, in order, as the code points from 256 on (Radford et al. 2019, the GPT-2 vocabulary)."""


def spelt_tokens(
    ids: IntArray, spelt: Sequence[bytes], special: Sequence[bool], text: str | None = None
) -> tuple[Token, ...]:
    """Tokens with their places.

    A character of several tokens is spelt at the first of them. Leading spaces belong to a token's text, not to its
    span.

    Args:
        spelt: What each id adds to the text, UTF-8, possibly a part of a character.
        special: Which of the ids stand for no text.
        text: What was encoded; spans point into it. None: into what the tokens spell themselves. Where the tokens do
            not spell the text (a tokeniser that rewrites it), they have no spans.
    """
    whole = b"".join(spelt)
    lead = 0 if text is None else whole.find(text.encode())  # bytes put before the text: a marker, or a space
    lost = len(whole[: max(lead, 0)].decode("utf-8", "replace"))
    texts = [""] * len(ids)
    spans: list[tuple[int | None, int | None]] = [(None, None)] * len(ids)
    pending, first, begin = b"", 0, 0
    for place, piece in enumerate(spelt):
        first = first if pending else place
        pending += piece
        try:
            shown = pending.decode()
        except UnicodeDecodeError:
            if place + 1 < len(spelt) and len(pending) < LONGEST:
                continue
            shown = pending.decode("utf-8", "replace")
        texts[first], end = shown, begin + len(shown)
        if lead >= 0:
            inner = begin + (len(shown) - len(shown.lstrip()) if shown.strip() else 0)
            spans[first] = (max(inner - lost, 0), max(end - lost, 0))
            for later in range(first + 1, place + 1):
                spans[later] = (max(end - lost, 0), max(end - lost, 0))
        pending, begin = b"", end
    words = word_indices(texts, special)
    return tuple(
        Token(
            id=int(i),
            piece=piece.decode("utf-8", "backslashreplace"),
            text=shown,
            position=position,
            start=start,
            end=end,
            special=mark,
            word=word,
        )
        for position, (i, piece, shown, (start, end), mark, word) in enumerate(
            zip(ids, spelt, texts, spans, special, words, strict=True)
        )
    )
