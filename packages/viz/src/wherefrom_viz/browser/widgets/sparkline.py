"""A step score as a row of bars, one per output token, linked to the cursor."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from wherefrom_viz.browser.messages import StepPointed
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import step_score
from wherefrom_viz.describe.running_text import heights
from wherefrom_viz.describe.text_marks import elide

_BARS, _HANGING = "▁▂▃▄▅▆▇█", "▔▀█"
_LABEL = 20


class StepSparkline(Widget):
    """One line: the score's name, its value at the cursor, and the bars around the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sparkline--name", "sparkline--bar", "sparkline--cursor"}

    description: Description | None = None
    column = 0
    metric = ""

    def show(self, description: Description, column: int, metric: str) -> None:
        """Draw this score from now on; the first there is, if there is none of that name."""
        names = list(description.step_scores)
        self.description, self.column = description, column
        self.metric = metric if metric in names else (names[0] if names else "")
        self.refresh()

    def clear(self) -> None:
        """Draw nothing until there is something to show."""
        self.description = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The only line."""
        width, base = self.size.width, self.rich_style
        name = self.get_component_rich_style("sparkline--name", partial=True)
        if y or self.description is None:
            return Strip.blank(width, base)
        if not self.metric:
            return strip_of([(" no step scores in this file", name)], width, base)
        values = np.asarray(self.description.step_scores[self.metric], dtype=np.float64)
        if not len(values):
            return Strip.blank(width, base)
        value = step_score(float(values[min(self.column, len(values) - 1)]))
        label = f" {elide(self.metric, _LABEL - len(value) - 3)} {value}".ljust(_LABEL)
        pieces: list[tuple[str, Style]] = [(label, name)]
        bar = self.get_component_rich_style("sparkline--bar", partial=True)
        cursor = self.get_component_rich_style("sparkline--cursor", partial=True)
        size = self._bar_width(len(values))
        for column in self._columns(len(values)):
            mark = self._mark(values, column) * size + (" " if size > 1 else "")
            pieces.append((mark, cursor if column == self.column else bar))
        return strip_of(pieces, width, base)

    def _bar_width(self, count: int) -> int:
        """Columns of one bar, without the gap after wide ones."""
        room = max(1, self.size.width - _LABEL - 1) // max(1, count)
        return 1 if room < 3 else min(4, room - 1)

    def _columns(self, count: int) -> range:
        room = max(1, self.size.width - _LABEL - 1)
        first = 0 if count <= room else min(max(0, self.column - room // 2), count - room)
        return range(first, min(count, first + room))

    def _mark(self, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], column: int) -> str:
        """The bar of a score: it stands, or hangs if the score is negative."""
        assert self.description is not None
        if not math.isfinite(values[column]):
            return "?"
        height = float(heights(self.description, self.metric)[column])
        bars = _HANGING if height < 0 else _BARS
        return bars[min(len(bars) - 1, int(abs(height) * len(bars)))]

    def on_click(self, event: events.Click) -> None:
        """Go to the token of the bar."""
        if self.description is None:
            return
        columns = self._columns(len(self.description.steps))
        size = self._bar_width(len(self.description.steps))
        place = (event.x - _LABEL) // (size + 1 if size > 1 else 1)
        if 0 <= place < len(columns):
            self.post_message(StepPointed(columns[place]))
