"""Gold annotations: the stretches of text that are known to matter, and the units that touch them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from wherefrom.arrays import BoolArray
from wherefrom.errors import InputError
from wherefrom.files.wire.bytes import write_whole
from wherefrom.methods.perturbation.units import Units
from wherefrom.results.data import AttributionData
from wherefrom.text.places import joined_text, tokens_within, trimmed
from wherefrom.text.spelling import plain_letters
from wherefrom.text.tokens import Token


class Gold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What matters in one text."""

    text: str
    """The text that the spans count in: the source of an encoder-decoder model, else the prompt."""
    spans: tuple[tuple[int, int], ...]
    """Characters ``(start, end)``, end exclusive."""
    id: str | None = None
    answer: str | None = None
    """What the model should say, where it is known."""

    def __post_init__(self) -> None:
        """Check the spans.

        Raises:
            ValueError: One is empty or outside the text.
        """
        for start, end in self.spans:
            if not 0 <= start < end <= len(self.text):
                raise ValueError(f"The span ({start}, {end}) does not lie in its text of {len(self.text)} characters")


def gold_from_words(text: str, words: Sequence[str], **facts: Any) -> Gold:
    """Gold spans at every place where one of the words stands.

    Raises:
        InputError: One does not, or is empty.
    """
    spans: list[tuple[int, int]] = []
    for word in words:
        if not word:
            raise InputError("words has an empty text, which stands everywhere. Leave it out.")
        begin = text.find(word)
        if begin < 0:
            raise InputError(f"{word!r} is not in the text {text!r}.")
        while begin >= 0:
            spans.append((begin, begin + len(word)))
            begin = text.find(word, begin + len(word))
    return Gold(text=text, spans=tuple(sorted(spans)), **facts)


def gold_units(gold: Gold, example: AttributionData, units: Units) -> BoolArray:
    """The units that share a character with a gold span, white space around it left out, on the side of the input text.
    All tokens of a character go with it. Shape ``(units,)``.

    The text of a chat is looked for in the user's turns, the last one first, before anywhere else.

    Raises:
        InputError: The text is not the example's.
    """
    side = "source" if example.encoded else "target"
    tokens = example.source if example.encoded else example.target
    shown, begins = joined_text(tokens)
    if gold.text.strip() not in shown and gold.text.strip() in (written := joined_text(tokens, special=True))[0]:
        shown, begins = written
    edges = [*begins.tolist(), len(shown)]
    turns = [one for one in example.segments if (one.side, one.kind, one.label) == (side, "turn", "user")]
    stretches = [(edges[one.start], edges[one.end]) for one in reversed(turns)]
    places = (shown.find(gold.text.strip(), *stretch) for stretch in [*stretches, (0, len(shown))])
    offset = next((place for place in places if place >= 0), -1)
    touched = np.zeros(len(tokens), bool)
    spans = [trimmed(gold.text, *span) for span in gold.spans]
    if offset >= 0:
        offset -= len(gold.text) - len(gold.text.lstrip())
        for start, stop in spans:
            touched[tokens_within(tokens, begins, len(shown), start + offset, stop + offset)] = True
    elif _normalised(gold.text, tokens):
        touched |= [any(_touches(token, start, stop) for start, stop in spans) for token in tokens]
    else:
        raise InputError(
            f"The gold annotation is of another text: {gold.text[:60]!r}, but the example has {shown[:60]!r}."
        )
    touched &= np.array([not token.special for token in tokens], bool)
    return np.array([unit.side == side and bool(touched[unit.removable].any()) for unit in units.members], dtype=bool)


def _normalised(text: str, tokens: Sequence[Token]) -> bool:
    """Do the tokens begin with this text as a tokenizer writes it, and say where they stand in the one that was given?

    Some show a text with its letters normalised and its spaces joined.
    """
    ordinary = [token for token in tokens if not token.special]
    known = all(token.start is not None and token.end is not None for token in ordinary)
    letters = plain_letters(text)
    return known and bool(letters) and plain_letters("".join(token.text for token in ordinary)).startswith(letters)


def _touches(token: Token, start: int, stop: int) -> bool:
    return token.start is not None and token.end is not None and token.start < stop and token.end > start


def save_gold(path: str | Path, gold: Sequence[Gold], *, overwrite: bool = False) -> None:
    """Write annotations as JSONL, one object per line.

    Raises:
        InputError: The file is there and ``overwrite`` is false.
    """
    write_whole(path, [msgspec.json.encode(one) + b"\n" for one in gold], overwrite=overwrite)
