"""What the reading view, the matrix and the table of steps have in common: a description and a linked cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView

from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.style_cache import StyleCache
from wherefrom_viz.describe.description import Description


class DescriptionView(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws one description line by line, only the lines that are seen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"view--title", "view--dim", "view--cursor", "view--head", "view--pinned"}

    description: Description | None = None
    looking: Focus
    drawing: Drawing
    shades: StyleCache

    def show(self, description: Description, looking: Focus, drawing: Drawing, shades: StyleCache) -> None:
        """Draw this from now on."""
        fresh = description is not self.description or drawing.wrap != self.drawing.wrap
        self.description, self.looking, self.drawing, self.shades = description, looking, drawing, shades
        if fresh:
            self._measure_all()
        self.prepare()
        self.refresh()
        self._reveal()

    def clear(self) -> None:
        """Draw nothing until there is something to show."""
        self.description = None
        self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def measure(self, width: int, height: int) -> Size:
        """Measure the description for a window of this size; the size of all of it."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Compute what all lines need, whenever description or cursor change."""

    def cursor_region(self) -> Region | None:
        """Where the cursor is in the whole, so that it can be scrolled into view."""
        return None

    def on_resize(self) -> None:
        """Lines are cut anew."""
        if self.description is not None:
            self._measure_all()
            self.refresh()
            self._reveal()

    def _measure_all(self) -> None:
        size = self.scrollable_content_region.size
        self.virtual_size = self.measure(max(size.width, 1), max(size.height, 1))

    def _reveal(self) -> None:
        region = self.cursor_region()
        if region is not None:
            self.scroll_to_region(region, animate=False, force=True)
