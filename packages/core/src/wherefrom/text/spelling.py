"""Tokens from what each of them spells, for tokenisers that tell bytes but no places in the text."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from wherefrom.arrays import IntArray
from wherefrom.text.segmentation import CONTINUES, continues_word, word_indices
from wherefrom.text.tokens import Token

Place: TypeAlias = tuple[int | None, int | None]
"""Where a token begins and ends in a text, if that is known."""

LONGEST = 64
"""Bytes of unfinished characters that are waited for before they are shown as broken."""


def _byte_letters() -> dict[int, str]:
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(256 + rank) for rank, byte in enumerate(others)}


BYTE_LETTERS = _byte_letters()
"""The letters of byte-level vocabularies that differ from Latin-1: printable bytes stand for themselves, the others are
written, in order, as the code points from 256 on (Radford et al. 2019, the GPT-2 vocabulary)."""


LETTER_BYTES = {BYTE_LETTERS.get(byte, chr(byte)): byte for byte in range(256)}
"""Letter to byte, as those vocabularies write bytes."""

SPACE = "▁"
"""How SentencePiece writes a space."""

WORD_ENDS = "</w>"
"""How byte pairs of words end a word (Sennrich et al. 2016)."""

BROKEN = "\ufffd"
"""Stands for bytes that are no character, or not known."""

_BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")


def bytes_of(piece: str, *, letters: bool) -> bytes:
    """What a piece of a vocabulary spells, UTF-8, possibly a part of a character.

    Args:
        letters: Is the vocabulary one that writes bytes as letters (`LETTER_BYTES`)? Else it is SentencePiece's.

    Example:
        >>> bytes_of("Ġæĺ", letters=True), bytes_of("▁the", letters=False), bytes_of("<0xE6>", letters=False)
        (b' \xe6\x98', b' the', b'\xe6')
    """
    if letters:
        if all(letter in LETTER_BYTES for letter in piece):
            return bytes(LETTER_BYTES[letter] for letter in piece)
        return piece.encode()  # a name, such as that of a special token
    byte = byte_of(piece)
    return piece.replace(SPACE, " ").encode() if byte is None else bytes([byte])


def byte_of(piece: str) -> int | None:
    """The byte that a piece of SentencePiece's stands for (``<0xE6>``), if it does for one."""
    found = _BYTE_PIECE.fullmatch(piece)
    return int(found[1], 16) if found else None


def texts_of_pieces(pieces: Sequence[str]) -> list[str]:
    """Readable texts of a vocabulary's pieces, guessed from how they are spelt together; others stay as they are.

    A character of several pieces stands at the first of them, unless bytes of some character are missing.

    Example:
        >>> texts_of_pieces(["Ġcaf", "Ã©", "Ġæĺ", "¥"])
        [' caf', 'é', ' 春', '']
        >>> texts_of_pieces(["▁the", "<0x0A>"]), texts_of_pieces(["play", "##ing", "on"])
        ([' the', '\\n'], ['play', 'ing', ' on'])
    """
    written = "".join(pieces)
    if SPACE in written:
        return _texts([bytes_of(piece, letters=False) for piece in pieces])
    if _in_byte_letters(written):
        return _texts([bytes_of(piece, letters=True) for piece in pieces])
    if any(map(continues_word, pieces)):
        return [
            piece.removeprefix(CONTINUES) if continues_word(piece) else f" {piece}" if index else piece
            for index, piece in enumerate(pieces)
        ]
    return [f"{piece.removesuffix(WORD_ENDS)} " if piece.endswith(WORD_ENDS) else piece for piece in pieces]


def _in_byte_letters(written: str) -> bool:
    """Does a text look like bytes written as letters: with such spaces or line breaks, or as other letters than it
    has?"""
    if any(BYTE_LETTERS[byte] in written for byte in b" \n"):
        return True
    if written.isascii() or not all(letter in LETTER_BYTES for letter in written):
        return False
    try:
        bytes_of(written, letters=True).decode()
    except UnicodeDecodeError:
        return False
    return True


def _texts(spelt: Sequence[bytes]) -> list[str]:
    """What pieces spell, UTF-8, as texts."""
    try:
        b"".join(spelt).decode()
    except UnicodeDecodeError:
        return [piece.decode("utf-8", "replace") for piece in spelt]
    texts = [""] * len(spelt)
    for first, _, shown in _characters(spelt):
        texts[first] = shown
    return texts


def plain_letters(text: str) -> str:
    """A text without what tokenisers rewrite: spaces, accents, letter case and forms of letters."""
    return "".join(
        one
        for one in unicodedata.normalize("NFKD", text).casefold()
        if one != SPACE and unicodedata.category(one)[0] not in "MZC"
    )


def spelt_tokens(
    ids: IntArray, spelt: Sequence[bytes], special: Sequence[bool], text: str | None = None
) -> tuple[Token, ...]:
    """Tokens with their places.

    A character of several tokens is spelt at the first of them. Leading spaces belong to a token's text, not to its
    span.

    Args:
        spelt: What each id adds to the text, UTF-8, possibly a part of a character.
        special: Which of the ids stand for no text.
        text: What was encoded; spans point into it. None: into what the tokens spell themselves. Where the tokens
            spell it otherwise (a tokeniser that rewrites it, bytes that are not known), those have a span that are
            found, one after another, but for what `plain_letters` leaves out; what is not known is what stands between
            them.
    """
    whole = b"".join(spelt)
    lead = 0 if text is None else whole.find(text.encode())  # bytes put before the text: a marker, or a space
    lost = len(whole[: max(lead, 0)].decode("utf-8", "replace"))
    texts = [""] * len(ids)
    spans: list[Place] = [(None, None)] * len(ids)
    begin = 0
    for first, last, shown in _characters(spelt):
        texts[first], end = shown, begin + len(shown)
        stop = max(end - lost, 0)
        spans[first] = (max(_visible(shown, begin) - lost, 0), stop)
        spans[first + 1 : last + 1] = [(stop, stop)] * (last - first)
        begin = end
    if text is not None and lead < 0:
        texts, spans = placed(text, texts, special)
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


def _characters(spelt: Sequence[bytes]) -> Iterator[tuple[int, int, str]]:
    """The first and the last of the tokens that spell whole characters together, and what they spell."""
    pending, first = b"", 0
    for place, piece in enumerate(spelt):
        first = first if pending else place
        pending += piece
        try:
            shown = pending.decode()
        except UnicodeDecodeError:
            if place + 1 < len(spelt) and len(pending) < LONGEST:
                continue
            shown = pending.decode("utf-8", "replace")
        yield first, place, shown
        pending = b""


def _visible(shown: str, begin: int) -> int:
    """Where a token's span begins whose text begins at ``begin``."""
    return begin + (len(shown) - len(shown.lstrip()) if shown.strip() else 0)


def placed(
    text: str, texts: Sequence[str], special: Sequence[bool], *, gaps: bool = False
) -> tuple[list[str], list[Place]]:
    """Texts and places in ``text`` of tokens that spell it but for what `plain_letters` leaves out.

    Args:
        texts: What each token adds; `BROKEN` where it stands for what it does not tell, such as an unknown word.
        special: Which of the tokens stand for no text.
        gaps: May there be letters in the text that no token spells?
    """
    return _Placing(text, texts).of(special, gaps)


class _Placing:
    """Finds tokens in a text that they spell but for what `plain_letters` leaves out and for what is `BROKEN`.

    Args:
        texts: What each token adds; those of characters that are not known get what stands in their place.
    """

    def __init__(self, text: str, texts: Sequence[str]) -> None:
        self.text = text
        letters = [(one, index) for index, letter in enumerate(text) for one in plain_letters(letter)]
        self.letters = "".join(one for one, _ in letters)
        self.at = [index for _, index in letters]
        self.texts = list(texts)
        self.places: list[Place] = [(None, None)] * len(texts)
        self.next, self.end = 0, 0
        """Of the letters, and in the text: where the tokens that were found end."""
        self.waiting: list[int] = []
        """Tokens that stand for whatever is between the ones before and behind."""
        self.without: list[int] = []
        """Tokens among those, or behind them, that stand for no text."""

    def of(self, special: Sequence[bool], gaps: bool) -> tuple[list[str], list[Place]]:
        """Texts and places of all tokens."""
        lost = gaps
        for token, (own, mark) in enumerate(zip(self.texts, special, strict=True)):
            spelt = plain_letters(own)
            if not mark and (BROKEN in own or (self.waiting and own and not spelt)):
                self.waiting.append(token)
            elif (found := self._find(own, spelt, lost and not mark)) >= 0:
                self._fill(found)
                self.next = found + len(spelt)
                begin, self.end = max(self.at[found], self.end), self.at[self.next - 1] + 1
                self.places[token], lost = (begin, self.end), gaps
            elif spelt and not mark:
                self.waiting, self.without, lost = [], [], True
            elif self.waiting:
                self.without.append(token)
            else:
                begin = self.end
                self.end += len(own) if self.text.startswith(own, begin) else 0  # spaces, as they are
                self.places[token] = (begin, self.end)
        self._fill(len(self.letters))
        return self.texts, self.places

    def _find(self, own: str, spelt: str, anywhere: bool) -> int:
        """Where among the letters a token stands; -1: it does not."""
        if not spelt:
            return -1
        if self.waiting and (there := self.text.find(own, self.end + 1)) >= 0:  # as it is, with the space before it
            return bisect_left(self.at, there)
        if self.waiting or anywhere:
            return self.letters.find(spelt, self.next)
        return self.next if self.letters.startswith(spelt, self.next) else -1

    def _fill(self, found: int) -> None:
        """Give what stands before a letter to the tokens that wait: byte by byte where each lacks one, else to the
        first of them."""
        if not self.waiting:
            return
        whole = self.text[self.end : self.at[found] if found < len(self.at) else len(self.text)]
        sizes = [len(self.texts[token].replace(BROKEN, "?").encode()) for token in self.waiting]
        between = whole.encode()
        if sum(sizes) != len(between):
            between = whole.rstrip().encode()
        if sum(sizes) != len(between):
            sizes = [len(between), *[0] * (len(sizes) - 1)]
        cuts = [0, *accumulate(sizes)]
        for first, last, shown in _characters([between[begin:end] for begin, end in pairwise(cuts)]):
            begin, self.end = _visible(shown, self.end), self.end + len(shown)
            for rank in range(first, last + 1):
                token = self.waiting[rank]
                self.texts[token] = shown if rank == first else ""
                self.places[token] = (begin if rank == first else self.end, self.end)
        for token in self.without:
            self.places[token] = (self.end, self.end)
        self.waiting, self.without = [], []
