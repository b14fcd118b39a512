"""A table of the output tokens: their step scores and what drove each of them."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip

from wherefrom_viz.browser.focus import strength_of
from wherefrom_viz.browser.messages import StepPointed
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.console.tables import step_bar
from wherefrom_viz.describe.description import style_of
from wherefrom_viz.describe.numbers import aligned
from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad

_BAR = 8


class StepsView(DescriptionView):
    """One line per output token."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"view--bar"}
    HELP: ClassVar[str] = (
        "One line per output token: its step scores, a bar of the chosen one (m changes it), and the inputs with the "
        "largest scores."
    )

    _written: dict[str, list[str]]
    _widths: dict[str, int]
    _token_width = 8

    def measure(self, width: int, height: int) -> Size:
        """Measure the columns."""
        description = self.description
        assert description is not None
        longest = max((cells(step.label) for step in description.steps), default=6)
        self._token_width = max(6, min(longest, max(10, width // 5)))
        self._written = {name: aligned(values) for name, values in description.step_scores.items()}
        self._widths = {
            name: max(len(elide(name, 11)), *(len(text) for text in texts), 5)
            for name, texts in self._written.items()
            if texts
        }
        self._numbers = style_of(description)
        return Size(width, len(description.steps) + 1)

    def cursor_region(self) -> Region | None:
        """The line of the cursor, and the head's above it."""
        return Region(0, self.looking.column, 1, 2)

    def render_line(self, y: int) -> Strip:
        """The head, or an output token."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        if self.description is None:
            return Strip.blank(width, base)
        if y == 0:
            return strip_of(self._head_line(), width, base)
        column = y - 1 + self.scroll_offset.y
        if column >= len(self.description.steps):
            return Strip.blank(width, base)
        return strip_of(self._step_line(column, width), width, base)

    def _head_line(self) -> list[tuple[str, Style]]:
        head = self.get_component_rich_style("view--head", partial=True)
        text = f" {'':4} {'output':<{self._token_width}}  "
        for name, size in self._widths.items():
            text += pad(elide(name, 11), size, right=True) + "  "
            if name == self._barred():
                text += " " * (_BAR + 2)
        return [(text + self._numbers.heading("strongest inputs"), head)]

    def _barred(self) -> str | None:
        assert self.description is not None
        names = list(self.description.step_scores)
        return self.drawing.metric if self.drawing.metric in names else (names[0] if names else None)

    def _step_line(self, column: int, width: int) -> list[tuple[str, Style]]:
        description = self.description
        assert description is not None
        dim = self.get_component_rich_style("view--dim", partial=True)
        here = column == self.looking.column
        token = Style(bold=True)
        if here:
            token += self.get_component_rich_style("view--cursor", partial=True)
        label = elide(description.steps[column].label, self._token_width)
        pin = "•" if column in self.looking.pinned else " "
        pieces: list[tuple[str, Style]] = [
            (f"{pin}{column + 1:4} ", dim),
            (isolate(label), token),
            (" " * (self._token_width - cells(label) + 2), Style.null()),
        ]
        for name, size in self._widths.items():
            pieces.append((pad(self._written[name][column], size, right=True) + "  ", Style.null()))
            if name == self._barred():
                bar = self.get_component_rich_style("view--bar", partial=True)
                pieces.append((step_bar(description, name, column, _BAR) + "  ", bar))
        used = sum(cells(text) for text, _ in pieces)
        for row, score in description.top([column], 5):
            name, number = elide(description.inputs[row].label, 14), self._numbers(score, plus=description.words.signed)
            size = cells(name) + len(number) + 3
            if used + size > width:
                break
            strength = strength_of(description, score, column, self.drawing)
            pieces += [(isolate(name), self.shades.style(strength)), (f" {number}  ", dim)]
            used += size
        return pieces

    def on_click(self, event: events.Click) -> None:
        """Go to the token."""
        column = event.y - 1 + self.scroll_offset.y
        if self.description is not None and event.y > 0 and column < len(self.description.steps):
            self.post_message(StepPointed(column))
