"""Which examples of two results are the same one, and whether two texts are: for all that sets results side by side."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from wherefrom.text.places import joined_text
from wherefrom.text.tokens import Token


def bare(text: str) -> str:
    """A text without what tokenizers change of it: spaces and capitals.

    Example:
        >>> bare("The cat") == bare("the  cat ")
        True
    """
    return "".join(text.split()).casefold()


def bare_text(tokens: Sequence[Token]) -> str:
    """The text of some tokens, without special ones, as `bare` gives it."""
    return bare(joined_text(tokens)[0])


def matched(first: Sequence[str | None], second: Sequence[str | None]) -> list[tuple[int, int]]:
    """The same examples of two results: by id where all have one (the second of an id with the second), else by place.

    Args:
        first: Ids of the one's examples, in order.
        second: Ids of the other's.

    Returns:
        Of each pair its place in the one and in the other, in the order of the one.

    Example:
        >>> matched(["a", "b", "a"], ["a", "a", "c"]), matched(["a", "b"], [None])
        ([(0, 0), (2, 1)], [(0, 0)])
    """
    named: dict[str, deque[int]] = defaultdict(deque)
    for place, name in enumerate(second):
        if name is not None:
            named[name].append(place)
    if not named or None in first:
        return [(place, place) for place in range(min(len(first), len(second)))]
    return [(place, named[name].popleft()) for place, name in enumerate(first) if name is not None and named[name]]


def named_apart(*sides: Sequence[str | None]) -> bool:
    """Has every example an id, in each of these results another one?"""
    return all(None not in ids and len(set(ids)) == len(ids) for ids in sides)
