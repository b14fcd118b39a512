"""Characters as a reader counts them: a letter with its marks, an emoji with its modifiers, a syllable.

These are the extended grapheme clusters of UAX #29, "Unicode Text Segmentation"
(https://www.unicode.org/reports/tr29/), section 3, found by ``regex``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias
from unicodedata import category

Characters: TypeAlias = tuple[int, int]
"""First code point of a text and the one after the last."""


def characters(text: str) -> list[Characters]:
    """The characters of a text.

    Example:
        >>> characters("e\\u0301👍🏽!")
        [(0, 2), (2, 4), (4, 5)]
    """
    return [match.span() for match in _pattern().finditer(text)]


def inside_characters(text: str) -> frozenset[int]:
    """Places where a cut would part a character."""
    if text.isascii() and "\r\n" not in text:
        return frozenset()
    return frozenset(place for begin, end in characters(text) if end > begin + 1 for place in range(begin + 1, end))


def whole_characters(spans: Iterable[Characters], text: str) -> list[Characters]:
    """Spans of a text, widened so that none parts a character; those that share one become one."""
    inside = inside_characters(text)
    if not inside:
        return list(spans)
    whole: list[Characters] = []
    for begin, end in spans:
        while begin in inside:
            begin -= 1
        while end in inside:
            end += 1
        if whole and begin < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((begin, end))
    return whole


def begins_unspaced(text: str) -> bool:
    """Does a text begin in a script that puts no space between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese?

    Example:
        >>> [begins_unspaced(text) for text in ("智能", "ー", "ไทย", "한국", "i", "")]
        [True, True, True, False, False, False]
    """
    return not text[:1].isascii() and _unspaced().match(text) is not None


def is_unspaced_letter(character: str) -> bool:
    """Is it part of a word in a script that `begins_unspaced` tells, and no punctuation?

    Example:
        >>> [is_unspaced_letter(one) for one in ("智", "ー", "ไ", "」", "한", "i")]
        [True, True, True, False, False, False]
    """
    return begins_unspaced(character) and category(character[0])[0] in "LMN"


@cache
def _pattern() -> Any:
    import regex  # not needed to start up

    return regex.compile(r"\X")


@cache
def _unspaced() -> Any:
    import regex  # not needed to start up

    kana = r"[\p{scx=Hiragana}\p{scx=Katakana}--[\u0300-\u036f]]"  # with their punctuation, without accents of Latin
    return regex.compile(rf"(?V1)[\p{{Han}}{kana}\p{{Line_Break=Complex_Context}}]")
