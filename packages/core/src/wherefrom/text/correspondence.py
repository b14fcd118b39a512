"""Two lists of tokens cut into parts that correspond: what lets two results of like texts be set side by side."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Token

Span: TypeAlias = tuple[int, int]
"""First token and the one after the last."""
Aligned: TypeAlias = tuple[Span, Span]
"""A span of this side's tokens and one of the other's; one of them may be empty."""


def align(one: Sequence[Token], other: Sequence[Token]) -> list[Aligned]:
    """Cut both token lists into parts that correspond, in order. Every token is in one part.

    The same text in other tokens is cut wherever both have a boundary; different texts are matched by their common
    tokens, and what lies between is one part. White space does not count, nor do special tokens in whether the texts
    are the same: these correspond where both lists have the same one.

    Example:
        >>> def tokens(*texts):
        ...     return [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts)]
        >>> align(tokens("un", "happy", " man"), tokens("unhap", "py", "man"))
        [((0, 2), (0, 2)), ((2, 3), (2, 3))]
    """
    keys = [_key(token) for token in one], [_key(token) for token in other]
    if keys[0] == keys[1]:
        return [((index, index + 1), (index, index + 1)) for index in range(len(one))]
    plain = [[index for index, token in enumerate(side) if not token.special] for side in (one, other)]
    texts = [["".join(keys[side][index].split()) for index in plain[side]] for side in (0, 1)]
    if any(texts[0]) and "".join(texts[0]) == "".join(texts[1]):
        return _between_special_tokens(_of_same_text(*texts), plain, keys)
    return list(_of_like_texts(*keys))


def _key(token: Token) -> str:
    """What two tokens have in common if they are the same: their text without white space, if there is any other."""
    return "".join(token.text.split()) or token.text


def _of_same_text(one: Sequence[str], other: Sequence[str]) -> list[Aligned]:
    ends = [np.cumsum([len(text) for text in side], dtype=np.int64) for side in (one, other)]
    common = sorted({*ends[0].tolist()} & {*ends[1].tolist()})
    aligned: list[Aligned] = []
    a = c = 0
    for end in common:
        b, d = (int(np.searchsorted(side, end, side="right")) for side in ends)
        if b > a and d > c:
            aligned.append(((a, b), (c, d)))
            a, c = b, d
    (first, _), (third, _) = aligned[-1]  # white space at the end belongs to what is before it
    aligned[-1] = ((first, len(one)), (third, len(other)))
    return aligned


def _of_like_texts(one: Sequence[str], other: Sequence[str], at: Span = (0, 0)) -> Iterator[Aligned]:
    x, y = at
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and b - a == d - c):
            yield from (((x + a + i, x + a + i + 1), (y + c + i, y + c + i + 1)) for i in range(b - a))
        elif tag == "replace":
            yield (x + a, x + b), (y + c, y + d)
        else:
            yield from (((x + index, x + index + 1), (y + c, y + c)) for index in range(a, b))
            yield from (((x + b, x + b), (y + index, y + index + 1)) for index in range(c, d))


def _between_special_tokens(
    groups: Sequence[Aligned], plain: Sequence[Sequence[int]], keys: tuple[list[str], list[str]]
) -> list[Aligned]:
    """Parts of the tokens that are text, at their places among all tokens, and between them the special tokens."""
    aligned: list[Aligned] = []
    a = c = 0
    for (b, d), (e, f) in [*groups, ((len(plain[0]), len(plain[0])), (len(plain[1]), len(plain[1])))]:
        last = b >= len(plain[0])
        begin, start = (len(keys[0]), len(keys[1])) if last else (plain[0][b], plain[1][e])
        aligned += _of_like_texts(keys[0][a:begin], keys[1][c:start], (a, c))
        if not last:
            a, c = plain[0][d - 1] + 1, plain[1][f - 1] + 1
            aligned.append(((begin, a), (start, c)))
    return aligned


def paired_tokens(one: Sequence[Token], other: Sequence[Token], aligned: Sequence[Aligned]) -> tuple[Token, ...]:
    """The unit that each aligned part is shown as: ``he → she`` where texts differ."""
    if len(aligned) == len(one) and all(_key(token) == _key(twin) for token, twin in zip(one, other, strict=False)):
        return tuple(one)
    tokens = []
    position = 0
    for (a, b), (c, d) in aligned:
        sides = [merged_token(part) if part else None for part in (one[a:b], other[c:d])]
        first, second = sides
        known = first or second
        assert known is not None  # align never pairs nothing with nothing
        size = max(token.size for token in sides if token is not None)
        if first is not None and second is not None and _key(first) == _key(second):
            token = first
        else:
            pieces = [("∅", "∅") if side is None else (side.piece, side.text) for side in sides]
            token = Token(
                id=-1,
                piece=f"{pieces[0][0]} → {pieces[1][0]}",
                text=f"{pieces[0][1]} → {pieces[1][1]}",
                position=position,
                special=known.special,
                start=None if first is None else first.start,
                end=None if first is None else first.end,
            )
        tokens.append(
            Token(
                id=token.id,
                piece=token.piece,
                text=token.text,
                position=position,
                size=size,
                start=token.start,
                end=token.end,
                special=token.special,
                word=token.word,
            )
        )
        position += size
    return tuple(tokens)
