"""What the reading view, the matrix and the table of steps have in common: a picture and a linked cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView

from wherefrom_viz.browser.brush import Brush
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.describe.description import Description


class PictureView(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws one description line by line, only the lines that are seen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"view--title", "view--dim", "view--cursor", "view--head", "view--pinned"}

    picture: Description | None = None
    looking: Focus
    drawing: Drawing
    brush: Brush

    def show(self, picture: Description, looking: Focus, drawing: Drawing, brush: Brush) -> None:
        """Draw this from now on."""
        fresh = picture is not self.picture or drawing.wrap != self.drawing.wrap
        self.picture, self.looking, self.drawing, self.brush = picture, looking, drawing, brush
        if fresh:
            self._measure_all()
        self.prepare()
        self.refresh()
        self._reveal()

    def clear(self) -> None:
        """Draw nothing until there is something to show."""
        self.picture = None
        self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def measure(self, width: int, height: int) -> Size:
        """Measure the picture for a window of this size; the size of all of it."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Compute what all lines need, whenever picture or cursor change."""

    def cursor_region(self) -> Region | None:
        """Where the cursor is in the whole, so that it can be scrolled into view."""
        return None

    def on_resize(self) -> None:
        """Lines are cut anew."""
        if self.picture is not None:
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
