"""Running text, each input shaded by its influence on the output token under the cursor."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import partial
from typing import ClassVar

import numpy as np
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip

from wherefrom_viz.browser.focus import output_strengths, strengths
from wherefrom_viz.browser.jumping import Target
from wherefrom_viz.browser.messages import InputPointed, StepPointed
from wherefrom_viz.browser.reading_layout import Line, Piece, lay_out
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.lines import strip_of
from wherefrom_viz.describe.numbers import short

_MARGIN = 1


class ReadingView(DescriptionView):
    """The text. Moving the cursor over the output recolours what came before it."""

    HELP: ClassVar[str] = (
        "The text that was read, then the output. Inputs are shaded by their score for the output token under the "
        "cursor: the legend says which colour raises. Click an output token to pin it, an input token to see which "
        "outputs it drove."
    )

    marks_cursor = True
    """Is there a cursor and are there pins, or is the text only looked at?"""
    _lines: tuple[Line, ...] = ()

    def measure(self, width: int, height: int) -> Size:
        """Wrap the text."""
        assert self.description is not None
        room = width - 2 * _MARGIN
        self._lines = lay_out(self.description, min(room, self.drawing.wrap) if self.drawing.wrap else room)
        return Size(width, len(self._lines))

    def prepare(self) -> None:
        """The colour of every input, or of every output if an input was chosen."""
        assert self.description is not None
        if self.looking.row is None:
            self._by_row = strengths(self.description, self.looking, self.drawing)
            self._by_column = np.full(len(self.description.steps), math.nan)
        else:
            self._by_row = np.full(len(self.description.inputs), math.nan)
            self._by_column = output_strengths(self.description, self.looking.row, self.drawing)

    def cursor_region(self) -> Region | None:
        """The line of the output token under the cursor, or of the chosen input."""
        if not self.marks_cursor:
            return None
        for y, line in enumerate(self._lines):
            for piece in line.pieces:
                if self._is_cursor(piece):
                    return Region(0, y, 1, 1)
        return None

    def _is_cursor(self, piece: Piece) -> bool:
        if self.looking.row is not None:
            return piece.row == self.looking.row
        return piece.column is not None and piece.column == self.looking.column

    def render_line(self, y: int) -> Strip:
        """One line of the text."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y
        if self.description is None or number >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[number]
        pieces: list[tuple[str, Style]] = [(" " * _MARGIN, Style.null())]
        if line.title:
            pieces.append((line.title.upper(), self.get_component_rich_style("view--title", partial=True)))
        end = 0
        for piece in line.pieces:
            pieces.append((" " * (piece.x - end), Style.null()))
            strength = self._strength(piece)
            pieces.append((piece.text, self._style(piece, strength)))
            end = piece.x + piece.width
        return strip_of(pieces, width, base)

    def _strength(self, piece: Piece) -> float:
        if piece.column is not None and self.looking.row is not None:
            return float(self._by_column[piece.column])
        return math.nan if piece.row is None else float(self._by_row[piece.row])

    def _style(self, piece: Piece, strength: float) -> Style:
        style = self.shades.style(strength)
        if self.shades.colourless and self.shades.sign(strength):
            style += Style(italic=strength < 0)
        if not self.marks_cursor:
            return style
        if piece.column is not None and piece.column in self.looking.pinned:
            style += self.get_component_rich_style("view--pinned", partial=True)
        if self._is_cursor(piece):
            style += self.get_component_rich_style("view--cursor", partial=True)
        elif piece.row is None and piece.column is None:
            style += self.get_component_rich_style("view--dim", partial=True)
        return style

    def piece_at(self, x: int, y: int) -> Piece | None:
        """What stands at a place of the widget."""
        number = y + self.scroll_offset.y
        if self.description is None or not 0 <= number < len(self._lines):
            return None
        pieces = self._lines[number].pieces
        place = bisect_right([piece.x for piece in pieces], x - _MARGIN) - 1
        if place < 0 or x - _MARGIN >= pieces[place].x + pieces[place].width:
            return None
        return pieces[place]

    def jump_targets(self) -> list[Target]:
        """Every output token and every input in sight, once; none where the text is a preview without a cursor."""
        if not self.marks_cursor:
            return []
        first = self.scroll_offset.y
        found: list[Target] = []
        units: set[tuple[int | None, int | None]] = set()
        for number, line in enumerate(self._lines[first : first + self.scrollable_content_region.height]):
            for piece in line.pieces:
                told = self._pointing(piece)
                if told is not None and (piece.row, piece.column) not in units:
                    units.add((piece.row, piece.column))
                    found.append(Target(_MARGIN + piece.x, number, partial(self.post_message, told)))
        return found

    @staticmethod
    def _pointing(piece: Piece) -> StepPointed | InputPointed | None:
        if piece.column is not None:
            return StepPointed(piece.column, pin=True)
        return InputPointed(piece.row) if piece.row is not None else None

    def on_click(self, event: events.Click) -> None:
        """Pin an output token, or look at an input."""
        piece = self.piece_at(event.x, event.y)
        told = None if piece is None else self._pointing(piece)
        if told is not None:
            self.post_message(told)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell the exact score of what is under the mouse."""
        piece = self.piece_at(event.x, event.y)
        self.tooltip = self._told(piece) if piece is not None else None

    def _told(self, piece: Piece) -> str | None:
        assert self.description is not None
        description = self.description
        if piece.row is None:
            return None
        columns = self.looking.columns if self.looking.row is None else []
        unit = description.inputs[piece.row]
        if not columns or not description.visible[piece.row, columns].any():
            return f"{unit.label} (not seen by this step)" if columns else unit.label
        value = float(description.scores[piece.row, columns].sum())
        to = " + ".join(description.steps[column].label for column in columns[:3])
        sign = description.words.raises if value >= 0 else description.words.lowers
        words = f"{sign} " if description.words.signed else ""
        return f"{unit.label} → {to}: {words}{short(value)}"
