"""Which steps of a target are explained."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import IntArray
from wherefrom.errors import InputError
from wherefrom.questions.numbering import examples_named


def step_positions(start: int | None, end: int | None, *, length: int, default_start: int) -> IntArray:
    """Target positions from ``start`` to before ``end``; none where the target is too short to have any.

    Args:
        start: First position; negative counts from the end of the target; None is ``default_start``.
        end: Position after the last, exclusive; negative counts from the end; None or beyond the target is its end.
        length: Tokens of the target.
        default_start: Where explanations begin when nobody says: behind the prompt, or behind the start token.

    Raises:
        InputError: No step is left in a target of any length, or position 0 is asked for: nothing stands before it
            that it could come from.
    """
    if start is not None and end is not None and start >= end and (start < 0) == (end < 0):
        raise InputError(
            f"No step is left to explain: attr_pos_start={start} and attr_pos_end={end}. Give positions with start < "
            "end."
        )
    first = default_start if start is None else start
    last = length if end is None else min(end, length)
    lacks_first = start is not None and not -length < start < length  # from the end, the first token is out of reach
    if lacks_first or (end is not None and end < -length):
        return np.zeros(0, dtype=np.int64)
    first = first + length if first < 0 else first
    last = last + length if last < 0 else last
    if first == 0:
        raise InputError(
            "attr_pos_start=0 asks where the first token of the target comes from, but no token stands before it. "
            "Start at 1 or later, or put a token in front of the text (a BOS token)."
        )
    if first >= last and (start is None or end is None):
        raise InputError(
            f"No step is left to explain: attr_pos_start={first}, attr_pos_end={last}, and the target has {length} "
            "tokens. Give a continuation that is longer than its prompt, or positions with start < end."
        )
    return np.arange(first, max(first, last), dtype=np.int64)


def no_step_note(place: int, tokens: int, start: int | None, end: int | None) -> str:
    """What is told of an example whose target is too short for the positions that were asked for.

    Args:
        place: The example's index, from 0.
    """
    return (
        f"The target of {examples_named([place])} has {tokens} tokens, and none from attr_pos_start={start} to "
        f"attr_pos_end={end}: its result has no step."
    )
