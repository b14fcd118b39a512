"""Texts that have nothing to say about most questions, and their tokens in the place of a part of a context."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import SequenceModel
from wherefrom.arrays import IntArray
from wherefrom.context.documents import Part
from wherefrom.context.readings import ForcedRun, Prefix, encoded_prefix, stretch
from wherefrom.errors import InputError

EVERYDAY = (
    "The kitchen has two windows. One of them looks out on the yard, where a ladder stands.",
    "In autumn the leaves of the old trees turn yellow. By November most of them have fallen.",
    "She bought a pair of gloves and a scarf. Both are made of wool.",
    "The ferry was full of people with bags. It crossed the bay in half an hour.",
    "Sand is washed up by the sea, and carried off again. So the shape of the beach changes every year.",
    "The parcel came a day late. It had been left with the neighbours.",
    "The soup is cooked slowly, with carrots and onions. It tastes better on the second day.",
    "He takes the same path every evening, past the mill and back along the stream.",
)
"""What is taken where nobody gives texts. English: give texts of the documents' own language for others."""

FEWEST = 4
"""Foreign texts that a test needs at least."""


def checked(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The foreign texts to compare with.

    Raises:
        InputError: They are no texts, or too few.
    """
    if texts is None:
        return EVERYDAY
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise InputError(f"null_documents must be a list of texts, not {texts!r}.")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"null_documents must hold texts, and {text!r} is none.")
    if len(texts) < FEWEST:
        raise InputError(
            f"{len(texts)} null_documents came, and a test needs at least {FEWEST}. Give more texts that have nothing "
            "to do with the question, leave them out, or cite by the threshold alone (support_level=None)."
        )
    return tuple(texts)


@frozen(kw_only=True, eq=False)
class Foreign:
    """A foreign text in the place of a part's own: what a template writes around that stays."""

    part: int
    ids: IntArray
    """Not more of them than the part's own text has."""


def put_in_place(model: SequenceModel, full: ForcedRun, beginning: Prefix, texts: Sequence[str]) -> list[Foreign]:
    """The texts in the places of parts, one part after the other, from the first again after the last.

    Args:
        full: What is read.
        beginning: It as text, up to the output.
    """
    places = [part for part, positions in enumerate(full.own_texts) if len(positions)]
    return [
        Foreign(part=part, ids=_ids(model, beginning, beginning.parts[part], text.strip(), len(full.own_texts[part])))
        for part, text in zip(cycle(places), texts, strict=False)
    ]


def _ids(model: SequenceModel, beginning: Prefix, part: Part, text: str, most: int) -> IntArray:
    """The text's ids where it is written in the place of the part's own, which may hold a letter beside it."""
    first, end = part.text_span
    there = beginning.target_text if beginning.source_text is None else beginning.source_text
    written = there[:first] + text + there[end:]  # may be longer than the model reads; what is put there is cut
    if beginning.source_text is None:
        inside = encoded_prefix(model, evolve(beginning, target_text=written))
    else:
        inside = model.encode(written, side="source", add_special_tokens=beginning.add_special_tokens)
    own = (first, first + len(text))
    positions = stretch(inside.tokens, evolve(part, span=own, own=own))
    if len(positions) > most:
        beside = int((inside.tokens[int(positions[-1])].end or 0) > own[1])  # its last token is of what follows, too
        positions = np.concatenate([positions[: most - beside], positions[len(positions) - beside :]])
    return inside.ids[positions]
