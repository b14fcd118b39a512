"""Tokens in files: one column per field, and columns that follow from others left out.

Ids and texts are always written. Pieces follow from texts by the tokenizer family's spelling, character offsets by
running along the texts, words by leading spaces; what deviates is listed, and where most deviate the whole column is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from wherefrom.errors import FileFormatError
from wherefrom.text.spelling import BYTE_LETTERS
from wherefrom.text.tokens import Token

Offsets = tuple[int | None, int | None]


class WireTokens(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tokens of one sequence."""

    ids: list[int]
    texts: list[str]
    spelling: str | None = None
    """How a piece is spelt, given its text: ``"bytes"`` (``Ġhello``), ``"metaspace"`` (``▁hello``); None: like it."""
    odd_pieces: dict[str, str] = {}
    """Index to piece, where the spelling does not say it."""
    pieces: list[str] | None = None
    """All pieces, where no spelling fits."""
    offsets: str | None = None
    """``"whole"``: texts follow one another; ``"trimmed"``: likewise, without leading spaces; ``"listed"``; None: not
    known."""
    odd_offsets: dict[str, Offsets] = {}
    """Index to offsets, where the rule does not say them."""
    listed_offsets: list[Offsets] = []
    sizes: list[int] | None = None
    """Original tokens per unit; None: all 1."""
    positions: list[int] | None = None
    """None: from 0, without gaps."""
    special: list[int] = []
    """Indices of special tokens."""
    words: str | None = None
    """One letter per token: ``=`` the same word as before, ``+`` the next one (0 at first), ``.`` unknown."""
    listed_words: list[int | None] | None = None
    """All words, where the letters cannot say them."""


def encode_tokens(tokens: Sequence[Token]) -> WireTokens:
    """Tokens as they are written."""
    texts = [token.text for token in tokens]
    spelling, odd_pieces = _best_spelling(tokens)
    offsets, odd_offsets = _best_offsets(tokens)
    many_pieces, many_offsets = len(odd_pieces) > len(tokens) // 2, len(odd_offsets) > len(tokens) // 2
    sizes = [token.size for token in tokens]
    positions = [token.position for token in tokens]
    words = _word_letters(tokens)
    return WireTokens(
        ids=[token.id for token in tokens],
        texts=texts,
        spelling=None if many_pieces else spelling,
        odd_pieces={} if many_pieces else odd_pieces,
        pieces=[token.piece for token in tokens] if many_pieces else None,
        offsets="listed" if many_offsets else offsets,
        odd_offsets={} if many_offsets else odd_offsets,
        listed_offsets=[(token.start, token.end) for token in tokens] if many_offsets else [],
        sizes=None if all(size == 1 for size in sizes) else sizes,
        positions=None if positions == following(sizes) else positions,
        special=[index for index, token in enumerate(tokens) if token.special],
        words=words,
        listed_words=[token.word for token in tokens]
        if words is None and any(token.word is not None for token in tokens)
        else None,
    )


def decode_tokens(wire: WireTokens, where: str) -> tuple[Token, ...]:
    """The tokens again.

    Raises:
        FileFormatError: Columns differ in length, or a rule is unknown.
    """
    count = len(wire.ids)
    columns = {
        "texts": wire.texts,
        "pieces": wire.pieces,
        "sizes": wire.sizes,
        "positions": wire.positions,
        "words": wire.words,
        "listed_words": wire.listed_words,
        "listed_offsets": wire.listed_offsets if wire.offsets == "listed" else None,
    }
    for name, column in columns.items():
        if column is not None and len(column) != count:
            raise FileFormatError(f"{where}.{name}: {len(column)} entries for {count} tokens.")
    sizes = wire.sizes or [1] * count
    positions = following(sizes) if wire.positions is None else wire.positions
    pieces = wire.pieces or _pieces(wire, where)
    offsets = _offsets(wire, where)
    words = _words(wire, where)
    special = set(wire.special)
    tokens = tuple(
        Token(
            id=wire.ids[i],
            piece=pieces[i],
            text=wire.texts[i],
            position=positions[i],
            size=sizes[i],
            start=offsets[i][0],
            end=offsets[i][1],
            special=i in special,
            word=words[i],
        )
        for i in range(count)
    )
    check_tokens(tokens, where)
    return tokens


def check_tokens(tokens: Sequence[Token], where: str) -> None:
    """Refuse numbers that no array and no file of ours can hold.

    Raises:
        FileFormatError: One is beyond 64 bits.
    """
    for index, token in enumerate(tokens):
        for name in ("id", "position", "size", "start", "end", "word"):
            number = getattr(token, name)
            if number is not None and not -(2**63) <= number < 2**63:
                raise FileFormatError(f"{where}: {name} of token {index} is beyond 64 bits.")


def following(sizes: Sequence[int]) -> list[int]:
    """Positions of units that follow one another from 0."""
    positions, position = [], 0
    for size in sizes:
        positions.append(position)
        position += size
    return positions


# pieces


def _spell_bytes(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1").translate(BYTE_LETTERS)


def _spell_metaspace(text: str) -> str:
    return text.replace(" ", "▁")


_SPELLINGS: dict[str, Callable[[str], str]] = {"bytes": _spell_bytes, "metaspace": _spell_metaspace}


def _best_spelling(tokens: Sequence[Token]) -> tuple[str | None, dict[str, str]]:
    """The spelling with the fewest exceptions, and these."""
    best: tuple[str | None, dict[str, str]] = (None, _odd_pieces(tokens, str))
    for name, spell in _SPELLINGS.items():
        if not best[1]:
            break
        odd = _odd_pieces(tokens, spell)
        if len(odd) < len(best[1]):
            best = (name, odd)
    return best


def _odd_pieces(tokens: Sequence[Token], spell: Callable[[str], str]) -> dict[str, str]:
    return {str(index): token.piece for index, token in enumerate(tokens) if token.piece != spell(token.text)}


def _pieces(wire: WireTokens, where: str) -> list[str]:
    if wire.spelling is not None and wire.spelling not in _SPELLINGS:
        raise FileFormatError(f"{where}.spelling: {wire.spelling[:40]!r} is unknown. Update wherefrom to read it.")
    spell = str if wire.spelling is None else _SPELLINGS[wire.spelling]
    pieces = [spell(text) for text in wire.texts]
    for key, piece in wire.odd_pieces.items():
        pieces[_index(key, len(pieces), f"{where}.odd_pieces")] = piece
    return pieces


# character offsets


def _whole(text: str, end: int) -> tuple[int, int]:
    return end, end + len(text)


def _trimmed(text: str, end: int) -> tuple[int, int]:
    return end + len(text) - len(text.lstrip()), end + len(text)


_OFFSET_RULES: dict[str, Callable[[str, int], tuple[int, int]]] = {"whole": _whole, "trimmed": _trimmed}


def _best_offsets(tokens: Sequence[Token]) -> tuple[str | None, dict[str, Offsets]]:
    """The rule with the fewest exceptions, and these; a token after an exception continues where that one ended."""
    if all(token.start is None and token.end is None for token in tokens):
        return None, {}
    candidates = []
    for name, rule in _OFFSET_RULES.items():
        odd: dict[str, Offsets] = {}
        end = 0
        for index, token in enumerate(tokens):
            if (token.start, token.end) != rule(token.text, end):
                odd[str(index)] = (token.start, token.end)
            end = end if token.end is None else token.end
        candidates.append((len(odd), name, odd))
    _, name, odd = min(candidates, key=lambda candidate: candidate[0])
    return name, odd


def _offsets(wire: WireTokens, where: str) -> Sequence[Offsets]:
    if wire.offsets is None:
        return [(None, None)] * len(wire.ids)
    if wire.offsets == "listed":
        return wire.listed_offsets
    if wire.offsets not in _OFFSET_RULES:
        raise FileFormatError(f"{where}.offsets: {wire.offsets[:40]!r} is unknown. Update wherefrom to read it.")
    rule = _OFFSET_RULES[wire.offsets]
    odd = {_index(key, len(wire.ids), f"{where}.odd_offsets"): own for key, own in wire.odd_offsets.items()}
    offsets: list[Offsets] = []
    end = 0
    for index, text in enumerate(wire.texts):
        own = odd.get(index) or rule(text, end)
        offsets.append(own)
        end = end if own[1] is None else own[1]
    return offsets


# words


def _word_letters(tokens: Sequence[Token]) -> str | None:
    """One letter per token, or None where words do not count up from 0 (or none is known)."""
    letters, current = [], -1
    for token in tokens:
        if token.word is None:
            letters.append(".")
        elif token.word == current and current >= 0:
            letters.append("=")
        elif token.word == current + 1:
            letters.append("+")
            current += 1
        else:
            return None
    return "".join(letters) if current >= 0 else None


def _words(wire: WireTokens, where: str) -> Sequence[int | None]:
    if wire.listed_words is not None:
        return wire.listed_words
    words: list[int | None] = []
    current = -1
    for letter in wire.words or "." * len(wire.ids):
        if letter not in "=+.":
            raise FileFormatError(f"{where}.words: {letter!r} is none of '=', '+' and '.'.")
        current += letter == "+"
        words.append(None if letter == "." else current)
    return words


def _index(key: str, count: int, where: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 10 and int(key) < count):
        raise FileFormatError(f"{where}: {key[:40]!r} is no index into {count} tokens.")
    return int(key)
