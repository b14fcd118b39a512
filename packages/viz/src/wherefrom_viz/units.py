"""Larger units than tokens for display: words, sentences, turns, named spans. Where they begin, and how scores merge
over them.

A partition is written as the positions where its units begin: ``(0, 2, 3)`` cuts five tokens into 0-1, 2
and 3-4.
Merging never runs the model again; it folds rows and columns of the scores that are there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from wherefrom.arrays import BoolArray
from wherefrom.errors import SettingsError, nearest
from wherefrom.text.tokens import Segment, Token

Level: TypeAlias = Literal["token", "word", "sentence", "turn", "span"]
LEVELS: tuple[Level, ...] = ("token", "word", "sentence", "turn")
"""Those that any text has; ``"span"`` needs spans that somebody named."""
Merge: TypeAlias = Literal["sum", "mean", "max", "absmax", "l2"]
MERGES: tuple[Merge, ...] = ("sum", "mean", "absmax", "max", "l2")
MERGE_WORDS = {"sum": "sum", "mean": "mean", "absmax": "largest magnitude", "max": "maximum", "l2": "L2 norm"}

_ENDS_SENTENCE = (".", "!", "?", "。", "!", "?", "…", "।", "؟", "\n")
_CLOSING = "\"'”’»)]）」』 \t"


def unit_starts(tokens: Sequence[Token], level: Level, segments: Sequence[Segment] = ()) -> tuple[int, ...]:
    """Where the units of ``level`` begin.

    Args:
        tokens: One side's tokens, in order.
        level: ``"turn"`` follows ``segments`` (turns, documents, slots); without any, it is the whole sequence.
            ``"span"`` follows those of kind ``"span"``; other tokens stay alone.
        segments: Spans of this side.
    """
    if not tokens:
        return ()
    if level == "token":
        return tuple(range(len(tokens)))
    if level == "word":
        return tuple(i for i in range(len(tokens)) if i == 0 or _begins_word(tokens[i - 1], tokens[i]))
    if level == "sentence":
        return tuple(i for i in range(len(tokens)) if i == 0 or _begins_sentence(tokens, i))
    if level == "turn":
        turns = [s for s in segments if s.kind != "span"]
        edges = {0, *(s.start for s in turns), *(s.end for s in turns)}
        return tuple(sorted(edge for edge in edges if 0 <= edge < len(tokens)))
    if level == "span":
        inside = {i for s in segments if s.kind == "span" for i in range(max(0, s.start) + 1, s.end)}
        return tuple(i for i in range(len(tokens)) if i not in inside)
    known = (*LEVELS, "span")
    raise SettingsError(f"No granularity is called {level!r}.{nearest(level, known)} There are: {', '.join(known)}.")


def merge_rows(scores: npt.NDArray[Any], visible: BoolArray, starts: Sequence[int], how: Merge) -> npt.NDArray[Any]:
    """Fold the first axis of ``scores`` into units. Hidden cells do not count.

    Args:
        scores: Shape ``(inputs, steps)``; 0 where hidden.
        visible: Same shape.
        starts: First row of each unit.
        how: Sum, mean over visible cells, signed value of largest magnitude, maximum, or L2 norm.

    Returns:
        Shape ``(len(starts), steps)``.
    """
    if not starts:
        return scores[:0]
    fold = np.asarray(starts)
    if how == "sum":
        return np.add.reduceat(scores, fold, axis=0)
    if how == "mean":
        counts = np.add.reduceat(visible.astype(scores.dtype), fold, axis=0)
        return np.add.reduceat(scores, fold, axis=0) / np.maximum(counts, 1)
    if how == "l2":
        return np.sqrt(np.add.reduceat(scores**2, fold, axis=0))
    if how == "max":
        highest = np.maximum.reduceat(np.where(visible, scores, -np.inf), fold, axis=0)
        return np.where(np.isfinite(highest), highest, 0.0)
    if how == "absmax":
        high = np.maximum.reduceat(scores, fold, axis=0)
        low = np.minimum.reduceat(scores, fold, axis=0)
        return np.where(high >= -low, high, low)
    raise SettingsError(f"Cannot merge by {how!r}.{nearest(how, MERGES)} There are: {', '.join(MERGES)}.")


def merge_visible(visible: BoolArray, starts: Sequence[int]) -> BoolArray:
    """A unit is seen when any of its tokens is. Folds the first axis."""
    return np.logical_or.reduceat(visible, np.asarray(starts), axis=0) if len(starts) else visible[:0]


def merge_step_scores(values: npt.NDArray[Any], starts: Sequence[int], how: str) -> npt.NDArray[Any]:
    """Fold one step score over units; ``how`` is the step function's own way (``"prod"``, ``"sum"``, ...)."""
    if not len(starts):
        return values[:0]
    edges = [*starts, len(values)]
    fold = _FOLDS.get(how, _FOLDS["mean"])
    return np.array([fold(values[a:b]) for a, b in itertools.pairwise(edges)], dtype=values.dtype)


def merged_tokens(tokens: Sequence[Token], starts: Sequence[int]) -> tuple[Token, ...]:
    """One token per unit; a unit of a single token is that token."""
    edges = [*starts, len(tokens)]
    return tuple(_joined(tokens[a:b]) for a, b in itertools.pairwise(edges))


def _joined(tokens: Sequence[Token]) -> Token:
    if len(tokens) == 1:
        return tokens[0]
    first, last = tokens[0], tokens[-1]
    return Token(
        id=-1,
        piece="".join(token.piece for token in tokens),
        text="".join(token.text for token in tokens),
        position=first.position,
        size=last.position + last.size - first.position,
        start=first.start,
        end=last.end,
        special=all(token.special for token in tokens),
        word=first.word,
    )


class _Look(NamedTuple):
    """What of a token's text decides whether a word or a sentence begins."""

    blank: bool
    leading_space: bool
    trailing_space: bool
    wide: bool
    """Is this a script written without spaces, where every token counts as a word?"""
    closing: bool
    """Nothing but quotes, brackets and space, which belong to the sentence before them."""
    says: bool
    """Is there anything before closing marks?"""
    ends_sentence: bool
    breaks_line: bool


@lru_cache(maxsize=65536)
def _look(text: str) -> _Look:
    body = text.rstrip(_CLOSING)
    return _Look(
        blank=not text.strip(),
        leading_space=text[:1].isspace(),
        trailing_space=text[-1:].isspace(),
        wide=any("\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text[:1]),
        closing=not text.strip(_CLOSING + "\n"),
        says=bool(body),
        ends_sentence=body.endswith(_ENDS_SENTENCE),
        breaks_line="\n" in text,
    )


def _begins_word(before: Token, token: Token) -> bool:
    if token.special or before.special:
        return True
    if token.word is not None and before.word is not None:
        return token.word != before.word
    last, this = _look(before.text), _look(token.text)
    if last.blank or this.blank:
        return not (last.blank and this.blank)
    return this.leading_space or last.trailing_space or this.wide


def _begins_sentence(tokens: Sequence[Token], index: int) -> bool:
    token = tokens[index]
    if token.special != tokens[index - 1].special:
        return True
    if _look(token.text).closing:
        return False
    for place in range(index - 1, -1, -1):
        before = _look(tokens[place].text)
        if before.says:
            return before.ends_sentence
        if before.breaks_line:
            return True
    return False


def _absmax(values: npt.NDArray[Any]) -> float:
    return float(values[int(np.argmax(np.abs(values)))])


_FOLDS: dict[str, Callable[[npt.NDArray[Any]], float]] = {
    "prod": lambda values: float(np.prod(values)),
    "sum": lambda values: float(np.sum(values)),
    "mean": lambda values: float(np.mean(values)),
    "max": lambda values: float(np.max(values)),
    "min": lambda values: float(np.min(values)),
    "absmax": _absmax,
}
