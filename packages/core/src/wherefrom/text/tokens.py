"""Tokens as a result shows them: the id is the truth, everything else is a label."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wherefrom.arrays import BoolArray

_LONGEST = 60
"""Characters of a step's text that a message repeats."""


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One token, or several merged into a unit.

    Two tokens are equal when all fields are; ``str(token)`` is the readable text.
    """

    id: int
    """Vocabulary id; -1 for a merged or paired unit."""
    piece: str
    """The vocabulary's own spelling (``Ġhello``, ``▁The``)."""
    text: str
    """Readable text as decoded at this place, leading space included (`` hello``)."""
    position: int
    """Position of its first token in the sequence, absolute."""
    size: int = 1
    """How many original tokens it covers."""
    start: int | None = None
    """Character offset where it begins in the sequence's text, if known."""
    end: int | None = None
    """Character offset where it ends, exclusive."""
    special: bool = False
    """Is it a mark that is no part of the text (BOS, EOS, padding, chat markers)? A word that the vocabulary does not
    know is one of the text, whatever its tokenizer calls the token."""
    word: int | None = None
    """Index of the word it belongs to in the sequence's text, if known. Equal and adjacent: same word."""

    def __str__(self) -> str:
        return self.text


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named stretch of a sequence: a chat turn, a document, a template slot."""

    side: str
    """``"source"`` or ``"target"``: which token list the span indexes."""
    start: int
    """First token position."""
    end: int
    """Token position after the last, exclusive."""
    kind: str
    """What it is: ``"turn"``, ``"document"``, ``"slot"``."""
    label: str
    """Role, document id or slot name."""


def step_named(position: int, text: str, last: int | None = None) -> str:
    """What messages call a step, or a span of steps explained as one: its place in the target, and what it says.

    Args:
        position: Of the step, or of the first one; absolute, from 0, as ``attr_pos_start`` and alignments take it.
        text: Of its tokens; empty: not known.
        last: Position of the last step of a span.
    """
    name = f"step {position}" if last in (None, position) else f"steps {position} to {last}"
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"{name} ({shown!r})" if text else name


def visible_to_steps(inputs: Sequence[Token], steps: Sequence[Token]) -> BoolArray:
    """Which decoder inputs each step could see.

    A step sees exactly the positions before it. A merged unit sees another when any of its tokens
    saw any of the other's, so a word of several pieces sees its own first pieces.

    Args:
        inputs: Units of the decoder's sequence, as rows.
        steps: Units of the same sequence that were predicted, as columns.

    Returns:
        Shape ``(inputs, steps)``.
    """
    first = np.array([token.position for token in inputs], dtype=np.int64).reshape(-1, 1)
    last = np.array([token.position + token.size - 1 for token in steps], dtype=np.int64).reshape(1, -1)
    return first < last
