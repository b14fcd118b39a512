"""The matrix of scores, drawn cell by cell where it is seen: inputs down, output tokens across."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip

from wherefrom_viz.browser.focus import strength_of
from wherefrom_viz.browser.messages import InputPointed, StepPointed
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.console.terminal_style import FAINT
from wherefrom_viz.describe.description import style_of
from wherefrom_viz.describe.numbers import NumberStyle
from wherefrom_viz.describe.text_marks import cells, elide, graphemes, isolate, pad

_NUMBER_WIDTH = 7
_TALLEST_HEAD = 6
_GAP = 1


class MatrixView(DescriptionView):
    """Cells with numbers where all columns fit, else two columns of colour each."""

    HELP: ClassVar[str] = (
        "Rows are inputs, columns output tokens. The cross marks the cursor: left and right choose the output, up and "
        "down the input. A dot means that the step could not see the input; click any cell to go there."
    )

    _rows: tuple[int | str, ...] = ()
    _label_width = 8
    _cell_width = 2
    _head: tuple[tuple[str, ...], ...] = ()
    _numbers: NumberStyle = NumberStyle(0, 2)

    def measure(self, width: int, height: int) -> Size:
        """Choose the size of cells, and list the rows with the titles between them."""
        description = self.description
        assert description is not None
        sections = description.sections()
        rows: list[int | str] = []
        for title, members in sections:
            if len(sections) > 1:
                rows.append(title)
            rows += members
        self._rows = tuple(rows)
        longest = max((cells(description.inputs[row].label) for row in description.seen_rows()), default=4)
        self._numbers = style_of(description)
        self._label_width = max(4, min(longest, width // 4))
        with_factor = max(self._label_width, len(self._numbers.note))
        self._cell_width = 2
        if len(description.steps) * _NUMBER_WIDTH <= width - with_factor - _GAP:
            self._label_width, self._cell_width = with_factor, _NUMBER_WIDTH
        self._head = self._make_head(height)
        return Size(
            self._label_width + _GAP + self._cell_width * len(description.steps), len(self._rows) + len(self._head)
        )

    def _make_head(self, height: int) -> tuple[tuple[str, ...], ...]:
        """Lines of the head: for each the text of every column."""
        assert self.description is not None
        labels = [step.label for step in self.description.steps]
        if self._cell_width == _NUMBER_WIDTH:
            return (tuple(pad(isolate(elide(label, 6)), _NUMBER_WIDTH, right=True) for label in labels),)
        letters = [list(graphemes(label)) for label in labels]
        tall = min(_TALLEST_HEAD, max(2, height // 3), max((len(one) for one in letters), default=1))
        cut = [one if len(one) <= tall else [*one[: tall - 1], "…"] for one in letters]
        filled = [[" "] * (tall - len(one)) + one for one in cut]
        return tuple(tuple(pad(one[level], 2) for one in filled) for level in range(tall))

    def cursor_region(self) -> Region | None:
        """The cell under the cursor, with room for the head."""
        row = self.looking.row
        y = self._rows.index(row) if row in self._rows else self.scroll_offset.y
        x = self._label_width + _GAP + self.looking.column * self._cell_width
        return Region(
            max(0, x - self._label_width - _GAP),
            y,
            self._cell_width + self._label_width + _GAP,
            1 + len(self._head),
        )

    def _columns(self, width: int) -> range:
        assert self.description is not None
        first = -(-self.scroll_offset.x // self._cell_width)
        count = max(1, (width - self._label_width - _GAP) // self._cell_width)
        return range(min(first, len(self.description.steps)), min(first + count, len(self.description.steps)))

    def render_line(self, y: int) -> Strip:
        """One line of the head, a title, or a row."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        if self.description is None:
            return Strip.blank(width, base)
        if y < len(self._head):
            return strip_of(self._head_line(y, width), width, base)
        place = y - len(self._head) + self.scroll_offset.y
        if place >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[place]
        if isinstance(row, str):
            text = f"{row.upper()} ".ljust(width, "┄")
            return strip_of([(text, self.get_component_rich_style("view--title", partial=True))], width, base)
        return strip_of(self._row_line(row, width), width, base)

    def _head_line(self, level: int, width: int) -> list[tuple[str, Style]]:
        head = self.get_component_rich_style("view--head", partial=True)
        cursor = self.get_component_rich_style("view--cursor", partial=True)
        pinned = self.get_component_rich_style("view--pinned", partial=True)
        factor = self._numbers.note if self._cell_width == _NUMBER_WIDTH else ""
        pieces: list[tuple[str, Style]] = [(factor.rjust(self._label_width) + " " * _GAP, head)]
        for column in self._columns(width):
            style = head + pinned if column in self.looking.pinned else head
            pieces.append((self._head[level][column], style + cursor if column == self.looking.column else style))
        return pieces

    def _row_line(self, row: int, width: int) -> list[tuple[str, Style]]:
        description = self.description
        assert description is not None
        unit = description.inputs[row]
        dim = self.get_component_rich_style("view--dim", partial=True)
        here = row == self.looking.row
        label = elide(unit.label, self._label_width)
        style = self.get_component_rich_style("view--cursor", partial=True) if here else Style.null()
        if unit.token.special:
            style = dim + style
        pieces: list[tuple[str, Style]] = [
            (" " * (self._label_width - cells(label)), Style.null()),
            (isolate(label), style),
            (" " * _GAP, Style.null()),
        ]
        for column in self._columns(width):
            cross = here and column == self.looking.column
            pieces.append(self._cell(row, column, dim, cross))
        return pieces

    def _cell(self, row: int, column: int, dim: Style, cross: bool) -> tuple[str, Style]:
        description, width = self.description, self._cell_width
        assert description is not None
        cursor = self.get_component_rich_style("view--cursor", partial=True) if cross else Style.null()
        if not description.visible[row, column]:
            return ("·".rjust(width - 1 if width > 2 else 1).ljust(width), dim + cursor)
        value = float(description.scores[row, column])
        strength = strength_of(description, value, column, self.drawing)
        style = self.shades.style(strength) + cursor
        if width == 2:
            return (self.shades.cell(strength), style)
        mark = "!" if self.shades.colourless and abs(strength) >= 0.6 else ""
        number = self._numbers.cell(value, width - 1 - len(mark), plus=description.words.signed) + mark
        if abs(strength) < FAINT and not cross:
            style = dim
        return (pad(number, width - 1, right=True) + " ", style)

    def on_click(self, event: events.Click) -> None:
        """Go to the cell; on the head, pin the column."""
        if self.description is None:
            return
        columns = self._columns(self.scrollable_content_region.width)
        place = (event.x - self._label_width - _GAP) // self._cell_width
        if event.x >= self._label_width + _GAP and 0 <= place < len(columns):
            self.post_message(StepPointed(columns[place], pin=event.y < len(self._head)))
        line = event.y - len(self._head) + self.scroll_offset.y
        if event.y >= len(self._head) and 0 <= line < len(self._rows):
            row = self._rows[line]
            if isinstance(row, int):
                self.post_message(InputPointed(row))
