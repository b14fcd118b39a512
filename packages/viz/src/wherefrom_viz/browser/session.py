"""What the screens of one browser share: what is open, read, marked, listed, and how it is drawn. Knows no Textual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import define, field, frozen

from wherefrom_viz.browser.cache import ExampleCache
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.settings import Settings
from wherefrom_viz.browser.sources.base import Source
from wherefrom_viz.browser.sources.library import Keys, Library
from wherefrom_viz.console.terminal_style import Level


@frozen
class Pair:
    """Two examples to be compared, by their keys."""

    a: int
    b: int


@define
class Session:
    """Handed to every screen; screens change it, and ask for the rest by messages."""

    settings: Settings = field(factory=Settings)
    colours: Level | None = None
    """How many colours the terminal has; None: as it says itself."""
    library: Library = field(factory=lambda: Library([]))
    cache: ExampleCache = field(init=False)
    marks: set[int] = field(factory=set)
    drawing: Drawing = field(init=False)
    panes: dict[str, int] = field(init=False)
    """Pane to the percent of the window that it takes, where it is not the usual size."""
    listed: Keys = field(factory=lambda: np.zeros(0, dtype=np.int64))
    """The examples of the list as it is filtered and sorted."""
    pointed: int | None = None
    """The example that the list's cursor is to stand on."""

    def __attrs_post_init__(self) -> None:
        self.cache = ExampleCache(self.library.load)
        self.drawing = self.settings.drawing
        self.panes = dict(self.settings.panes)

    def open(self, sources: Sequence[Source], complaints: Sequence[str] = ()) -> None:
        """Look at other sources from now on; marks and what was read go with the old ones."""
        self.library = Library(list(sources), tuple(complaints))
        self.cache = ExampleCache(self.library.load)
        self.marks.clear()
        self.listed, self.pointed = self.library.keys(), None

    def neighbour(self, key: int, by: int) -> int | None:
        """The example ``by`` lines from ``key`` in the list; None beyond its ends."""
        place = np.flatnonzero(self.listed == key)
        if not len(place) or not 0 <= int(place[0]) + by < len(self.listed):
            return None
        return int(self.listed[int(place[0]) + by])

    def pair_with(self, key: int) -> Pair | str:
        """What ``key`` is compared with: the marked example; two marked ones with each other; else its counterpart.

        Returns:
            The pair, or why there is none.
        """
        others = sorted(self.marks - {key})
        if len(others) == 1:
            return Pair(others[0], key)
        if len(others) == 2 and key not in self.marks:
            return Pair(others[0], others[1])
        if others:
            return "Mark one example, or two, to compare."
        counterpart = self.library.counterpart(key)
        if counterpart is None:
            return "Nothing to compare with: mark another example with Space."
        return Pair(key, counterpart)

    def chosen(self, keys: Sequence[int]) -> list[int]:
        """What an export writes: the marked examples, else ``keys``."""
        return sorted(self.marks) if self.marks else list(keys)


__all__ = ["Pair", "Session"]
