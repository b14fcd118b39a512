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


def as_called(*sides: Sequence[str | None]) -> list[list[str | None]]:
    """Ids of several results' examples by which they can be told to be the same ones: as they are, but where some
    results have none and the others call their examples by place, as runs of data without ids do, the former get the
    places as ids.

    Example:
        >>> as_called(["2", "0", "1"], [None, None, None])
        [['2', '0', '1'], ['0', '1', '2']]
    """
    unnamed = [len(side) for side in sides if all(name is None for name in side)]
    called = [side for side in sides if any(name is not None for name in side)]
    if not unnamed or not called or not all(_are_places(side, min(unnamed)) for side in called):
        return [list(side) for side in sides]
    return [[str(place) if name is None else name for place, name in enumerate(side)] for side in sides]


def _are_places(ids: Sequence[str | None], most: int) -> bool:
    """Are ids all the places of some data, or places of as many examples as ``most``?"""
    places = {int(name) for name in ids if name is not None and name.isascii() and name.isdecimal()}
    if {str(place) for place in places} != set(ids) or len(places) != len(ids):
        return False
    return max(places) < max(most, len(ids))


def matched(first: Sequence[str | None], second: Sequence[str | None]) -> list[tuple[int, int]]:
    """The same examples of two results: by id (the second of an id with the second), which leaves those without one
    alone; by place where one of the two has no ids at all, or both have the same ones in the same order. Places that
    one calls its examples by are those of the other, see `as_called`.

    Args:
        first: Ids of the one's examples, in order.
        second: Ids of the other's.

    Returns:
        Of each pair its place in the one and in the other, in the order of the one. None where they have ids, but none
        in common.

    Example:
        >>> matched(["a", "b", "a"], ["a", "a", "c"]), matched(["a", None], [None, "a"]), matched(["a", "b"], [None])
        ([(0, 0), (2, 1)], [(0, 1)], [(0, 0)])
    """
    first, second = as_called(first, second)
    if first == second or not have_ids(first, second):
        return [(place, place) for place in range(min(len(first), len(second)))]
    named: dict[str, deque[int]] = defaultdict(deque)
    for place, name in enumerate(second):
        if name is not None:
            named[name].append(place)
    return [(place, named[name].popleft()) for place, name in enumerate(first) if name is not None and named[name]]


def have_ids(*sides: Sequence[str | None]) -> bool:
    """Has each of these results an example with an id?"""
    return all(any(name is not None for name in ids) for ids in sides)


def named_apart(*sides: Sequence[str | None]) -> bool:
    """Has every example an id, in each of these results another one?"""
    return all(None not in ids and len(set(ids)) == len(ids) for ids in sides)
