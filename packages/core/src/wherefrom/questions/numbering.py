"""What an example is called by those who read of it: by its id, or by its place.

Whoever reads counts from 1, as titles of views do (``example 2 of 3``); Python's indices count from 0.
"""

from __future__ import annotations

from collections.abc import Sequence


def example_mark(place: int, id: str | None = None) -> str:
    """The name of one example in a list: its id, else ``#2``.

    Args:
        place: Its index, from 0.
    """
    return f"#{place + 1}" if id is None else id


def place_of_mark(mark: str, count: int) -> int | None:
    """The index that a mark of `example_mark` stands for, of ``count`` examples; None: it is no mark of any."""
    number = mark.removeprefix("#")
    if number == mark or not number.isdecimal() or not 1 <= int(number) <= count:
        return None
    return int(number) - 1


def examples_named(places: Sequence[int]) -> str:
    """Examples in a sentence: ``example 2``, or ``examples 1, 3``.

    Args:
        places: Their indices, from 0.
    """
    some = "example" if len(places) == 1 else "examples"
    return f"{some} {', '.join(str(place + 1) for place in places)}"
