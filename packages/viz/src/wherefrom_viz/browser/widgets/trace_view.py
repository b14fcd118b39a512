"""A traced answer: mass by part and hop, and the sentences it went through."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip

from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.console.trace import trace_lines


class TraceView(DescriptionView):
    """The tables of a trace, a line per part and per sentence."""

    HELP: ClassVar[str] = (
        "Where the mass of a traced answer lies after each hop: by part of the text, by role, and by sentence of what "
        "was generated in between."
    )
    _NOTHING: ClassVar[str] = "This result is no trace. Make one with result.trace(span) or wherefrom trace."

    _lines: list[Text]

    def measure(self, width: int, height: int) -> Size:
        """Lay out all lines."""
        assert self.description is not None
        trace = self.description.trace
        self._lines = [Text(self._NOTHING)] if trace is None else list(trace_lines(trace, max(width - 2, 20)))
        return Size(width, len(self._lines))

    def render_line(self, y: int) -> Strip:
        """One of the lines."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        place = y + self.scroll_offset.y
        if self.description is None or place >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[place]
        bold = Style(bold=True) if line.style == "bold" else Style.null()
        return strip_of([(" " + line.plain, bold)], width, base)
