"""Which examples are listed and in what order: the order of a column, and a filter that works in slices of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

import numpy as np
from attrs import frozen
from wherefrom.errors import WherefromError
from wherefrom.files import Summary
from wherefrom.results.attribution import Attribution

from wherefrom_viz.browser.columns import order_in
from wherefrom_viz.browser.filters import Filter
from wherefrom_viz.browser.sources.library import Keys, Library


def sorted_keys(library: Library, keys: Keys, column: str, score: str, *, backwards: bool) -> Keys:
    """``keys`` in the order of a column; examples that have nothing there come last in either direction.

    Args:
        column: One of `columns.sortable`.
        score: The step score that is shown.
    """
    if column == "n":
        files = max(1, len(library.sources))
        ordered = keys[np.lexsort((keys // files, keys % files))]
        return ordered[::-1] if backwards else ordered
    values = [order_in(column, library.summary(key), score) for key in keys.tolist()]
    missing = np.array([value is None for value in values], dtype=bool)
    known = np.flatnonzero(~missing)
    order = sorted(known.tolist(), key=lambda place: values[place], reverse=backwards)
    return keys[np.array([*order, *np.flatnonzero(missing).tolist()], dtype=np.int64)]


class Tested:
    """An example under a filter; one object serves all examples, so that nothing is made a hundred thousand times."""

    def __init__(self, library: Library, marks: Collection[int], load: Callable[[int], Attribution]) -> None:
        self._library = library
        self._marks = marks
        self._load = load
        self.key = 0
        self.summary: Summary

    def turn_to(self, key: int) -> None:
        """Look at another example."""
        self.key = key
        self.summary = self._library.summary(key)

    @property
    def number(self) -> int:
        """Its place in its file, from 1."""
        return self._library.locate(self.key)[1] + 1

    @property
    def file(self) -> str:
        """The file it is in."""
        return self._library.source_name(self.key)

    @property
    def marked(self) -> bool:
        """Did the user mark it?"""
        return self.key in self._marks

    def load(self) -> Attribution:
        """The whole example."""
        return self._load(self.key)


@frozen
class Progress:
    """How far a filter has come."""

    tested: int
    found: Keys
    unreadable: int
    """Examples that had to be read and could not be."""
    done: bool


def filtered(keys: Keys, accepts: Filter, candidate: Tested, seconds: float = 0.025) -> Iterator[Progress]:
    """The keys whose examples ``accepts``, in slices of about ``seconds``, so that keys are heard in between."""
    found: list[int] = []
    unreadable = 0
    until = time.perf_counter() + seconds
    for place, key in enumerate(keys.tolist()):
        if place % 64 == 0 and time.perf_counter() > until:
            yield Progress(place, np.array(found, dtype=np.int64), unreadable, False)
            until = time.perf_counter() + seconds
        candidate.turn_to(key)
        try:
            if accepts(candidate):
                found.append(key)
        except (WherefromError, OSError):
            unreadable += 1
    yield Progress(len(keys), np.array(found, dtype=np.int64), unreadable, True)
