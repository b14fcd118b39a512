"""The line between two panes, which can be dragged."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from wherefrom_viz.browser.messages import PaneSized
from wherefrom_viz.browser.settings import LARGEST, SMALLEST
from wherefrom_viz.browser.widgets.lines import strip_of


class Splitter(Widget):
    """Dragging it gives one of its neighbours a size; clicking it twice gives it its own back.

    Args:
        pane: Id of the neighbour whose size is kept; the other takes the rest.
        percent: Its size to begin with; 0: its own.
        upright: Do the panes stand side by side?
        first: Is the sized neighbour the left or upper one?
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"splitter--line"}

    def __init__(self, pane: str, *, percent: int = 0, upright: bool = False, first: bool = False) -> None:
        super().__init__(id=f"split-{pane}", classes="upright" if upright else "")
        self.pane = pane
        self.percent = percent
        self.most = LARGEST
        """Percent that the pane takes at most; 0: its own size."""
        self._upright = upright
        self._first = first
        self._dragged = False

    def on_mount(self) -> None:
        """Give the neighbour its size."""
        self.tooltip = "drag to size the panes; click twice for the usual sizes"
        self.call_after_refresh(self.apply, self.percent)

    def apply(self, percent: int) -> None:
        """Give the neighbour this size."""
        self.percent = percent
        pane = self.screen.query_one(f"#{self.pane}")
        used = min(percent, self.most)
        size = f"{used}%" if used else None
        if self._upright:
            pane.styles.width = size
        else:
            pane.styles.height = size

    def shown_percent(self) -> int:
        """The size that the neighbour has now, or is about to have."""
        if self.percent:
            return min(self.percent, self.most)
        pane, whole = self.screen.query_one(f"#{self.pane}").outer_size, self._whole()
        return round(100 * (pane.width if self._upright else pane.height) / max(1, whole))

    def _whole(self) -> int:
        assert isinstance(self.parent, Widget)
        return self.parent.size.width if self._upright else self.parent.size.height

    def render_line(self, y: int) -> Strip:
        """A line of dashes, or an upright bar."""
        style = self.get_component_rich_style("splitter--line", partial=True)
        mark = "│" if self._upright else "─"
        pieces: list[tuple[str, Style]] = [(mark * self.size.width, style)]
        return strip_of(pieces, self.size.width, self.rich_style)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the line."""
        event.stop()
        self._dragged = True
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The line follows the mouse."""
        if not self._dragged:
            return
        event.stop()
        assert isinstance(self.parent, Widget)
        region = self.parent.content_region
        if self._upright:
            before, whole = int(event.screen_x) - region.x, region.width
        else:
            before, whole = int(event.screen_y) - region.y, region.height
        cells = before if self._first else whole - before - 1
        percent = min(self.most, max(SMALLEST, round(100 * cells / max(1, whole))))
        if percent != self.percent:
            self.post_message(PaneSized(self.pane, percent))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the line."""
        if self._dragged:
            event.stop()
            self._dragged = False
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Clicked twice: the usual size."""
        if event.chain == 2:
            self.post_message(PaneSized(self.pane, 0))
