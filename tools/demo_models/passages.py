"""Text whose dependencies are known while it is written.

A `Writer` puts words behind one another and hands back where each one stands; a `Decision` then says
which words settle which other word. The grammars of both models are made of these two.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

Span = tuple[int, int]
"""Characters ``start, stop`` of a text, end-exclusive."""

_GLUED = frozenset(".,:\n")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One word of the target and what settles it."""

    dependency: str
    """Name of the kind of dependency, such as ``pronoun``."""

    decided: Span
    """The settled word, in the target."""

    cues: tuple[Span, ...]
    """The words that settle it, in the source (encoder-decoder) or in the same text (decoder-only)."""

    also: tuple[Span, ...] = ()
    """Words on the cues' side that carry part of the same information."""

    target_cues: tuple[Span, ...] = ()
    """Words earlier in the target that carry the same information (encoder-decoder only)."""

    foil: str | None = None
    """What would stand there had the cue been another."""

    key: str
    """The combination that is held out of training or not, see `held_out`."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A text, or a sentence pair, with its decisions."""

    source: str | None = None
    """The sentence to translate; None for decoder-only text."""

    target: str
    """The text to learn."""

    decisions: tuple[Decision, ...] = ()
    """Its planted dependencies."""

    context_stop: int | None = None
    """Where the context ends: in the source, or in the target of decoder-only text."""

    def held_out(self) -> bool:
        """Whether training must not see this passage."""
        return any(held_out(decision.key) for decision in self.decisions)


@dataclass
class Writer:
    """Writes words, one blank between them, none before a full stop."""

    text: str = ""

    def say(self, words: str) -> Span:
        """Append ``words`` and return the characters they take."""
        if self.text and words[0] not in _GLUED and not self.text.endswith("\n"):
            self.text += " "
        start = len(self.text)
        self.text += words
        return start, len(self.text)


def held_out(key: str) -> bool:
    """Whether the combination ``key`` is kept for testing: one in eight, the same ones on every machine."""
    return zlib.crc32(key.encode()) % 8 == 0


def capital(words: str) -> str:
    """``words`` with a large first letter."""
    return words[:1].upper() + words[1:]


def other(rng: random.Random, options: Sequence[T], *taken: T) -> T:
    """One of ``options`` that is none of ``taken``."""
    return rng.choice([option for option in options if option not in taken])


def plain(word: str) -> str:
    """``word`` as it is written, without the marks between its pieces."""
    return word.replace("|", "")


def listed(text: str, separator: str = " ") -> list[str]:
    """The entries of ``text``."""
    return text.split(separator)
