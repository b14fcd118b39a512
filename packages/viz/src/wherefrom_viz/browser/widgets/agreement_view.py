"""Two attributions token by token: how well their rankings agree, and where they differ most."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip

from wherefrom_viz.browser.focus import strength_of
from wherefrom_viz.browser.messages import StepPointed
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.describe.comparison import Comparison
from wherefrom_viz.describe.description import style_of
from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad

_BAR = 10


class AgreementView(DescriptionView):
    """One line per output token; the description it is shown is the difference."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"view--bar"}
    HELP: ClassVar[str] = (
        "One line per output token: Spearman's rank correlation of the two rankings of its inputs, and the inputs "
        "whose scores differ most (A - B)."
    )

    comparison: Comparison | None = None
    _token_width = 8

    def measure(self, width: int, height: int) -> Size:
        """Measure the column of tokens."""
        assert self.description is not None
        longest = max((cells(step.label) for step in self.description.steps), default=6)
        self._token_width = max(6, min(longest, max(10, width // 5)))
        self._numbers = style_of(self.description)
        return Size(width, len(self.description.steps) + 1)

    def cursor_region(self) -> Region | None:
        """The line of the cursor, and the head's above it."""
        return Region(0, self.looking.column, 1, 2)

    def render_line(self, y: int) -> Strip:
        """The head, or an output token."""
        base, width = self.rich_style, self.scrollable_content_region.width
        if self.description is None or self.comparison is None:
            return Strip.blank(width, base)
        if y == 0:
            differs = self._numbers.heading("differs most in")
            head = f"      {'output':<{self._token_width}}  {'agreement':<{_BAR + 8}}{differs}"
            return strip_of([(head, self.get_component_rich_style("view--head", partial=True))], width, base)
        column = y - 1 + self.scroll_offset.y
        if column >= len(self.description.steps):
            return Strip.blank(width, base)
        return strip_of(self._step_line(column, width), width, base)

    def _step_line(self, column: int, width: int) -> list[tuple[str, Style]]:
        description, comparison = self.description, self.comparison
        assert description is not None
        assert comparison is not None
        dim = self.get_component_rich_style("view--dim", partial=True)
        bar = self.get_component_rich_style("view--bar", partial=True)
        token = Style(bold=True)
        if column == self.looking.column:
            token += self.get_component_rich_style("view--cursor", partial=True)
        label = elide(description.steps[column].label, self._token_width)
        agreement = float(comparison.agreement[column])
        known = math.isfinite(agreement)
        blocks = round(max(0.0, agreement) * _BAR) if known else 0
        pieces: list[tuple[str, Style]] = [
            (f"{column + 1:4}  ", dim),
            (isolate(label), token),
            (" " * (self._token_width - cells(label) + 2), Style.null()),
            (f"{agreement:+.2f}  " if known else "  —    ", Style.null()),
            (pad("█" * blocks, _BAR) + " ", bar),
        ]
        used = sum(cells(text) for text, _ in pieces)
        for row, score in description.top([column], 5):
            name, number = elide(description.inputs[row].label, 14), self._numbers(score)
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
