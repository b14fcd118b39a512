"""The list of examples: only the lines that are seen are ever made, so a hundred thousand cost nothing."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import ClassVar

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wherefrom_viz.browser.columns import Column, Contents, columns_for, contents_of, text_in
from wherefrom_viz.browser.jumping import Target
from wherefrom_viz.browser.messages import ExampleChosen, ExamplePointed, HeadClicked
from wherefrom_viz.browser.sources.library import Keys, Library
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.describe.text_marks import elide, pad, visible

_MEASURED = 200
"""Examples that tell how wide columns are to be."""


class ExampleList(ScrollView, can_focus=True, inherit_bindings=False):
    """Examples as lines, a cursor, and marks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--head", "list--cursor", "list--mark", "list--dim", "list--score"}
    HELP: ClassVar[str] = (
        "One line per example: lengths (in, out), mean and smallest step score (prob, min), share of the scores on the "
        "context (ctx), tags, annotations; more of them in wider windows. Enter opens it, Space marks it, s sorts by "
        "the next column (or click a head), / searches the text, f filters by an expression such as prob<0.2 method:ig."
    )

    def __init__(self, library: Library, marks: Collection[int], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.library = library
        self.marks = marks
        self.keys: Keys = np.zeros(0, dtype=np.int64)
        self.cursor = 0
        self.sort_column = "n"
        self.backwards = False
        self.score = ""
        self._columns: list[Column] = []

    def list_keys(self, keys: Keys, *, keep: int | None = None) -> None:
        """List these from now on; the cursor stays on the example ``keep`` if it is among them."""
        self.keys = keys
        place = np.flatnonzero(keys == (-1 if keep is None else keep))
        self.cursor = int(place[0]) if place.size else min(self.cursor, max(0, len(keys) - 1))
        self._measure()
        self.move_to(self.cursor, tell=False)
        self.refresh()

    @property
    def key(self) -> int | None:
        """The example under the cursor."""
        return int(self.keys[self.cursor]) if len(self.keys) else None

    def move_to(self, place: int, *, tell: bool = True) -> None:
        """Put the cursor on a line and scroll to it."""
        if not len(self.keys):
            return
        before, self.cursor = self.cursor, min(max(place, 0), len(self.keys) - 1)
        self.scroll_to_region(Region(0, self.cursor, 1, 2), animate=False, force=True)
        if before == self.cursor:
            self._refresh_line(before)
        else:
            self._refresh_line(before)
            self._refresh_line(self.cursor)
            if tell:
                self.post_message(ExamplePointed(int(self.keys[self.cursor])))

    def page(self) -> int:
        """Lines of examples that are seen."""
        return max(1, self.scrollable_content_region.height - 1)

    def on_resize(self) -> None:
        """Columns are cut anew."""
        self._measure()
        self.move_to(self.cursor, tell=False)
        self.refresh()

    def _refresh_line(self, place: int) -> None:
        line = place + 1 - self.scroll_offset.y
        if 0 < line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def _measure(self) -> None:
        width = max(20, self.scrollable_content_region.width)
        self.virtual_size = Size(width, len(self.keys) + 1)
        every = self.library.keys()  # not those listed: columns stay while a filter is written
        some = every[:: max(1, len(every) // _MEASURED)].tolist()
        contents = Contents(
            score=self.score,
            files=len(self.library.sources),
            ids=max((len(visible(self.library.title(key))) for key in some), default=4),
        )
        summaries = [self.library.summary(key) for key in some]
        contents = contents_of(summaries, self.library.annotation_names, contents)
        self._columns = columns_for(width, contents, self.sort_column)

    def render_line(self, y: int) -> Strip:
        """The head, or an example."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        if y == 0:
            return strip_of(self._head_line(), width, base + self.get_component_rich_style("list--head", partial=True))
        place = y - 1 + self.scroll_offset.y
        if place >= len(self.keys):
            return Strip.blank(width, base)
        if place == self.cursor:
            base += self.get_component_rich_style("list--cursor", partial=True)
        return strip_of(self._example_line(int(self.keys[place])), width, base)

    def _head_line(self) -> list[tuple[str, Style]]:
        pieces: list[tuple[str, Style]] = [("   ", Style.null())]
        for column in self._columns:
            arrow = ("▼" if self.backwards else "▲") if column.name == self.sort_column else ""
            title = elide(column.title, column.width - len(arrow)) + arrow
            pieces.append((pad(title, column.width, right=column.right) + "  ", Style(bold=bool(arrow))))
        return pieces

    def _example_line(self, key: int) -> list[tuple[str, Style]]:
        summary = self.library.summary(key)
        marked = key in self.marks
        pieces: list[tuple[str, Style]] = [
            (" ● " if marked else "   ", self.get_component_rich_style("list--mark", partial=True))
        ]
        dim = self.get_component_rich_style("list--dim", partial=True)
        score = self.get_component_rich_style("list--score", partial=True)
        for column in self._columns:
            style = dim
            if column.name == "id":
                text, style = self.library.title(key), Style.null()
            elif column.name == "file":
                text = self.library.source_name(key)
            else:
                text = text_in(column.name, summary, self.score)
            if column.name in ("score", "low", "context"):
                style = dim if self.key == key else score  # a terminal's own colours may be one on the cursor's line
            elif column.name == "output":
                text, style = text.removeprefix(" "), Style.null()
            running = column.name in ("input", "output", "tags") or column.name.startswith(":")
            shown = _end_of(text, column.width) if running else elide(visible(text[:400]), column.width)
            pieces.append((pad(shown, column.width, right=column.right) + "  ", style))
        return pieces

    def jump_targets(self) -> list[Target]:
        """Every example in sight."""
        first = self.scroll_offset.y
        last = min(len(self.keys), first + self.page())
        return [Target(0, 1 + place - first, partial(self.move_to, place)) for place in range(first, last)]

    def on_click(self, event: events.Click) -> None:
        """Sort by a head; point at an example, and open it when clicked again."""
        if event.y == 0:
            x = 3
            for column in self._columns:
                if x <= event.x < x + column.width + 2:
                    self.post_message(HeadClicked("n" if column.name == "file" else column.name))
                x += column.width + 2
            return
        place = event.y - 1 + self.scroll_offset.y
        if place >= len(self.keys):
            return
        if place == self.cursor:
            self.post_message(ExampleChosen(int(self.keys[place])))
        else:
            self.move_to(place)


def _end_of(text: str, width: int) -> str:
    """A beginning, with an ellipsis at the end rather than in the middle."""
    shown = visible(text[:400])
    return shown if cell_len(shown) <= width else set_cell_size(shown, max(1, width - 1)).rstrip() + "…"
