"""Where characters, words and sentences are, in a text and among its tokens: the one answer of the whole library.

* A *character* is what a reader takes for one: see `wherefrom.text.characters`.
* A *word* is a run of letters, marks, digits and joiners; a run of other visible characters is a word of its own. What
  is not seen, as marks of direction, goes with what it follows, at the beginning with what follows it.
  Scripts that put no space between words (Chinese, Japanese, Thai) have no other boundaries than those, so that a word
  may be a whole clause; `word_or_character_spans` cuts such words into characters.
* A *sentence* is what `wherefrom.text.sentences` says.

Among tokens, units are whole tokens, so that each begins where a token begins: a token that adds no text (the second
byte of a character) belongs to the unit of the token before it, unless its bytes begin a character that never came to
its end, which is a character of its own. No unit begins inside a character, none inside a word;
special tokens are units of their own. White space before the first word belongs to the first sentence, other white
space between sentences to the one before it.

Classes of characters come from the Unicode character database (UAX #29, "Unicode Text Segmentation",
https://www.unicode.org/reports/tr29/), by way of ``regex``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, Literal, TypeAlias

from wherefrom.errors import SettingsError, nearest
from wherefrom.text.characters import Characters, characters, inside_characters, is_unspaced_letter, whole_characters
from wherefrom.text.sentences import sentences
from wherefrom.text.tokens import Segment, Token

__all__ = [
    "LEVELS",
    "Level",
    "Span",
    "characters",
    "edges_of",
    "end_with_bytes",
    "is_mark_of_space",
    "placed_segments",
    "segment_spans",
    "sentences",
    "unit_spans",
    "unit_starts",
    "word_indices",
    "word_or_character_spans",
    "words",
]

Level: TypeAlias = Literal["token", "character", "word", "sentence"]
LEVELS: tuple[Level, ...] = ("token", "character", "word", "sentence")
"""Kinds of units that any text has."""

Span: TypeAlias = tuple[int, int]
"""First index and the one after the last, among tokens."""

_MARKS_OF_SPACE = ("▁", "Ġ", "Ċ", "ĉ")
"""First letters by which vocabularies mark a space, a line break or a tab before the word."""

_FIRST_BYTE = re.compile("Ġ*[\u00c2-\u00f4]|<0x(?:[CD][0-9A-F]|E[0-9A-F]|F[0-4])>")
"""What the pieces of tokens begin with whose bytes begin a character of several."""

CONTINUES = "##"
"""WordPiece's mark of a piece that continues a word."""


def words(text: str) -> list[Characters]:
    """The words of a text. White space belongs to none.

    Example:
        >>> [text[begin:end] for text in ["It's हिन्दी में, 3.5 €!"] for begin, end in words(text)]
        ["It's", 'हिन्दी', 'में', ',', '3.5', '€!']
    """
    return whole_characters((match.span() for match in _word(text.isascii()).finditer(text)), text)


def unit_starts(tokens: Sequence[Token], level: Level, *, breaks: Collection[int] = ()) -> tuple[int, ...]:
    """Indices of the tokens with which the units of ``level`` begin, the first included.

    Word indices that tokens carry are taken before what their texts say.

    Args:
        breaks: Indices at which a unit begins in any case, as where a prompt ends: texts on both sides are read apart.

    Raises:
        SettingsError: There is no such level.

    Example:
        >>> texts = ["Go", " on", ".", " 智", "", "!"]
        >>> tokens = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts)]
        >>> unit_starts(tokens, "word"), unit_starts(tokens, "sentence")
        ((0, 1, 2, 3, 5), (0, 3))
    """
    if level not in LEVELS:
        raise SettingsError(
            f"No text is cut into {level!r}.{nearest(str(level), LEVELS)} Its levels are {', '.join(LEVELS)}."
        )
    if level == "token":
        return tuple(range(len(tokens)))
    special = [token.special for token in tokens]
    labels = [token.word for token in tokens]
    labelled = any(label is not None for label in labels)
    texts = [token.text for token in tokens] if labelled else _spelt(tokens)
    starts = _starts(texts, special, level, breaks, labels if labelled else None)
    return tuple(i for i, begins in enumerate(starts) if begins or (level == "character" and _unfinished(tokens[i])))


def unit_spans(tokens: Sequence[Token], level: Level, *, breaks: Collection[int] = ()) -> list[Span]:
    """The units of ``level`` as spans of tokens, which follow each other without gaps; see `unit_starts`."""
    starts = unit_starts(tokens, level, breaks=breaks)
    return list(pairwise([*starts, len(tokens)])) if len(tokens) else []


def word_or_character_spans(tokens: Sequence[Token], *, breaks: Collection[int] = ()) -> list[Span]:
    """Words as spans of tokens, but single characters of scripts that put no space between words.

    Args:
        breaks: See `unit_starts`.

    Example:
        >>> texts = [" go", "ing", " 法国", "的", "首", "都", "，"]
        >>> tokens = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts)]
        >>> word_or_character_spans(tokens)
        [(0, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
    """
    found = unit_spans(tokens, "word", breaks=breaks)
    if all(token.text.isascii() for token in tokens):
        return found
    starts = {begin for begin, _ in found}
    before = False
    for begin, end in unit_spans(tokens, "character", breaks=breaks):
        unspaced = is_unspaced_letter("".join(token.text for token in tokens[begin:end]).lstrip())
        if unspaced or before:
            starts.add(begin)
        before = unspaced
    return list(pairwise([*sorted(starts), len(tokens)]))


def word_indices(texts: Sequence[str], special: Sequence[bool]) -> list[int | None]:
    """Word number of each token, from the tokens' texts in order.

    Args:
        texts: What each token adds to the text, leading space included.
        special: Tokens that are no part of the text; they belong to no word.

    Returns:
        A number per token, equal for tokens of one word; None for special tokens and tokens of nothing but space.

    Example:
        >>> word_indices([" walk", "ing", " home", "."], [False] * 4)
        [0, 0, 1, 2]
    """
    starts = [place for place, begins in enumerate(_starts(texts, special, "word")) if begins]
    indices: list[int | None] = []
    word = 0
    for begin, end in pairwise([*starts, len(texts)]):
        visible = not special[begin] and any(text.strip() for text in texts[begin:end])
        indices += [word if visible else None] * (end - begin)
        word += visible
    return indices


def end_with_bytes(tokens: Sequence[Token], index: int) -> int:
    """The index after a token and those behind it that add no text to it: the later bytes of a character.

    Example:
        >>> tokens = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate([" 智", "", "!"])]
        >>> end_with_bytes(tokens, 0), end_with_bytes(tokens, 2)
        (2, 3)
    """
    end = index + 1
    while end < len(tokens) and not (tokens[index].special or _begins_text(tokens[end])):
        end += 1
    return end


def is_mark_of_space(token: Token) -> bool:
    """Has the token no text but spaces, which belong to the word behind them? Line breaks part texts and are none."""
    return not token.special and not token.text.strip(" ")


def placed_segments(tokens: Sequence[Token], segments: Iterable[Segment]) -> list[tuple[Segment, Span]]:
    """Segments, which name token positions, each with the span of those tokens that begin in it, as they are now: after
    some were left out, or merged. Segments in which none begins are left out.

    Example:
        >>> tokens = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(["So", " he", " said"])]
        >>> name = Segment(side="target", start=1, end=3, kind="span", label="who")
        >>> [span for _, span in placed_segments(tokens[1:], [name])]
        [(0, 2)]
    """
    positions = [token.position for token in tokens]
    spans = ((one, (bisect_left(positions, one.start), bisect_left(positions, one.end))) for one in segments)
    return [(segment, (start, end)) for segment, (start, end) in spans if start < end]


def segment_spans(tokens: Sequence[Token], segments: Sequence[Segment]) -> list[Span]:
    """The spans that segments take in the tokens as they are now. Of nested segments the outer one."""
    spans: list[Span] = []
    for _, (start, end) in placed_segments(tokens, sorted(segments, key=lambda one: (one.start, -one.end))):
        if not spans or start >= spans[-1][1]:
            spans.append((start, end))
    return spans


def edges_of(tokens: Sequence[Token], segments: Iterable[Segment]) -> frozenset[int]:
    """Indices at which one writer's text ends and another's begins: edges of turns, of documents, and of what a chat
    template writes beside them. No word or sentence goes over one.

    Args:
        segments: Of the side that the tokens are of.
    """
    positions = [token.position for token in tokens]
    parts = [segment for segment in segments if segment.kind in ("turn", "document", "template")]
    return frozenset(bisect_left(positions, edge) for part in parts for edge in (part.start, part.end))


def _starts(
    texts: Sequence[str],
    special: Sequence[bool],
    level: Level,
    breaks: Collection[int] = (),
    labels: Sequence[int | None] | None = None,
) -> list[bool]:
    """Whether a unit begins with each token."""
    starts = [True] * len(texts)
    for first, end in _stretches(special, breaks):
        begins = _within(texts[first:end], level, None if labels is None else labels[first:end])
        starts[first + 1 : end] = begins[1:]
    return starts


def _stretches(special: Sequence[bool], breaks: Collection[int]) -> Iterator[Span]:
    """Spans of tokens that are text without interruption."""
    first = 0
    for index in range(len(special) + 1):
        if index == len(special) or special[index] or index in breaks:
            if index > first:
                yield first, index
            first = index + 1 if index < len(special) and special[index] else index


def _within(texts: Sequence[str], level: Level, labels: Sequence[int | None] | None) -> list[bool]:
    """Whether a unit begins with each token of a text without special tokens."""
    whole = "".join(texts)
    split = inside_characters(whole)
    places = accumulate(map(len, texts), initial=0)
    starts = [bool(text) and place not in split for text, place in zip(texts, places, strict=False)]
    if level == "character":
        return starts
    if level == "sentence":
        return _sentences_within(texts, starts, [begin for begin, _ in sentences(whole)])
    if labels is None:
        return _words_within(texts, starts, {begin for begin, _ in words(whole)})
    last = None
    for index, (text, label) in enumerate(zip(texts, labels, strict=True)):
        starts[index] = starts[index] and (label is None or label != last)
        last = label if text else last
    return starts


def _words_within(texts: Sequence[str], whole: Sequence[bool], firsts: Collection[int]) -> list[bool]:
    """Whether a word, or white space, begins with each token, of those that are ``whole`` characters."""
    starts = []
    place = 0
    for text, begins in zip(texts, whole, strict=True):
        body = text.lstrip()
        starts.append(begins and (not body or place in firsts or place + len(text) - len(body) in firsts))
        place += len(text)
    return starts


def _sentences_within(texts: Sequence[str], whole: Sequence[bool], firsts: Sequence[int]) -> list[bool]:
    """Whether a sentence begins with each token, of those that are ``whole`` characters."""
    starts = []
    place, begun, sentence = 0, 0, -1
    for text, begins in zip(texts, whole, strict=True):
        body = text.lstrip()
        visible = place + len(text) - len(body)
        while begun < len(firsts) and firsts[begun] <= visible:
            begun += 1
        begins = begins and bool(body)
        starts.append(begins and begun - 1 > sentence >= 0)
        if begins:
            sentence = begun - 1
        place += len(text)
    return starts


def _begins_text(token: Token) -> bool:
    """Does a token stand for itself, rather than for the rest of the character before it?"""
    return bool(token.text) or token.special or _unfinished(token)


def _unfinished(token: Token) -> bool:
    """Does a character begin with this token of which no text came?

    Bytes that begin a character and had an end give the token its text. How vocabularies write bytes: byte-level BPE as
    letters, from ``Â`` to ``ô`` those that begin one of several bytes; others as ``<0xF0>``.
    """
    return not token.text and _FIRST_BYTE.match(token.piece) is not None


def _spelt(tokens: Sequence[Token]) -> list[str]:
    """Texts of tokens, with the spaces that only their pieces tell of."""
    texts = [token.text for token in tokens]
    if any(char.isspace() for text in texts for char in text):
        return texts
    pieces = [token.piece for token in tokens]
    if any(piece.startswith(_MARKS_OF_SPACE) for piece in pieces):
        return [
            " " + text if piece.startswith(_MARKS_OF_SPACE) else text for piece, text in zip(pieces, texts, strict=True)
        ]
    if any(map(continues_word, pieces)):
        return [
            text.removeprefix(CONTINUES) if continues_word(piece) else " " + text
            for piece, text in zip(pieces, texts, strict=True)
        ]
    return texts


def continues_word(piece: str) -> bool:
    """Does a vocabulary's piece go on with a word, as WordPiece writes it (``##ing``)?"""
    return piece.startswith(CONTINUES) and piece != CONTINUES


@cache
def _word(ascii_only: bool) -> Any:
    if ascii_only:  # what the other comes to where there are no marks, in a quarter of the time
        return re.compile(r"[A-Za-z0-9_]+(?:(?:['-]|(?<=[0-9])[.,](?=[0-9]))[A-Za-z0-9_]+)*|[^\t-\r A-Za-z0-9_]+")
    import regex  # not needed to start up

    # UAX #29: marks and format characters go with what they follow (WB4), numbers keep the points in them (WB11), a
    # Hebrew acronym its quotation mark (WB7b); a zero width space parts words
    follows = r"[\p{M}\p{Cf}--\u200b]*"
    unseen = r"[[\p{Cf}&&\p{Default_Ignorable_Code_Point}]--\u200b]"
    letters = r"\p{L}\p{N}\p{Pc}\p{M}"
    letter = rf"(?:[{letters}]{follows})"
    number = rf"(?<=\p{{N}}{follows})[.,．，٫٬](?={follows}\p{{N}})"
    acronym = rf"(?<=\p{{Hebrew}}{follows})\"(?={follows}\p{{Hebrew}})"
    joiner = rf"(?:(?:['’‐‑\-·״׳\u00ad]|{acronym}|{number}){follows})"
    other = rf"(?:(?!{unseen})[^\s\u200b{letters}]{follows})"
    return regex.compile(rf"(?V1){unseen}*(?:{letter}+(?:{joiner}{letter}+)*|{other}+)")
