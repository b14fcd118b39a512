"""Do a tokeniser's tokens spell the text that it was sent?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wherefrom.text.spelling import BROKEN, plain_letters

GAP = BROKEN
"""Stands for whatever a token does not tell: a part of a character, an unknown word, nothing."""

UNKNOWN = re.compile("\ufffd+|\u2585")
"""What is spelt where nothing is known; llama.cpp writes unknown tokens as a block."""


def spells(pieces: Sequence[bytes], special: Sequence[bool], text: str) -> bool:
    """Whether the pieces make up the text. Spaces, accents, letter case and forms of letters may differ, as tokenisers
    rewrite them; special tokens may stand in it by name, or not."""
    if b"".join(pieces) == text.encode("utf-8", "replace"):
        return True
    parts: list[tuple[str, bool]] = []  # what is spelt, and whether it may be left out
    plain = b""
    for piece, mark in zip(pieces, special, strict=True):
        if piece and not mark:
            plain += piece
            continue
        parts.append((plain.decode("utf-8", "replace"), False))
        plain = b""
        parts.append((GAP if not piece or b"unk" in piece.lower() else piece.decode("utf-8", "replace"), True))
    parts.append((plain.decode("utf-8", "replace"), False))
    whole, place, loose, last = plain_letters(text), 0, False, ""
    for spelt, optional in parts:
        for rank, one in enumerate(UNKNOWN.split(spelt)):
            loose = loose or rank > 0  # what follows a gap may stand anywhere behind
            last = "" if rank or optional else last
            letters = plain_letters(one)
            if not letters or (loose and optional):
                continue
            found = whole.find(letters, place) if loose else (place if whole.startswith(letters, place) else -1)
            if found >= 0:
                place, last = found + len(letters), letters
            elif not optional:
                return False
    return whole.endswith(last) if loose else place == len(whole)
