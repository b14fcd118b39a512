"""Which console view fits a width, as one renderable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, get_args

from attrs import frozen
from rich.console import Console, ConsoleOptions
from rich.text import Text
from wherefrom.errors import SettingsError, nearest

from wherefrom_viz.colours import Palette, Theme
from wherefrom_viz.console.ink import Ink, ink_for
from wherefrom_viz.console.legend import heading, legend
from wherefrom_viz.console.matrix import compact_layout, full_layout, matrix
from wherefrom_viz.console.reading import reading
from wherefrom_viz.console.tables import step_table, strongest
from wherefrom_viz.description import Description

View: TypeAlias = Literal["auto", "matrix", "read", "topk", "steps"]

_TALLEST_MATRIX = 60
"""Rows above which ``auto`` reads the text instead."""


@frozen(kw_only=True, eq=False)
class ConsoleView:
    """Draws descriptions one below the other, each in the view that fits. A Rich renderable."""

    pictures: Sequence[Description]
    palette: Palette
    view: View = "auto"
    theme: Theme | None = None
    columns: Sequence[int] | None = None
    """Steps of the reading view and the table; None: all."""
    top: int = 5
    """Inputs per line of the table."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        ink = ink_for(console, self.palette, self.theme)
        width = options.max_width
        for place, picture in enumerate(self.pictures):
            if place:
                yield Text()
            for line in self.lines(picture, ink, width):
                yield whole(line, options)

    def lines(self, picture: Description, ink: Ink, width: int) -> Iterator[Text]:
        """The lines of one example at ``width`` columns."""
        yield from heading(picture, width)
        view = self.view
        if not picture.steps or not picture.inputs:
            yield Text("There are no scores to show.", style="dim")
            view = "steps" if picture.steps else "none"  # type: ignore[assignment]
        if view == "steps":
            yield from step_table(picture, ink, width)
        elif view == "topk":
            yield from strongest(picture, ink, width, self.columns, self.top)
            yield Text()
            yield from legend(picture, ink, width, cells=False)
        elif view == "read":
            yield from reading(picture, ink, width, self.columns)
            yield from legend(picture, ink, width, cells=False)
        elif view in ("matrix", "auto"):
            yield from self._matrix_or_text(picture, ink, width)

    def _matrix_or_text(self, picture: Description, ink: Ink, width: int) -> Iterator[Text]:
        full, compact = full_layout(picture, ink, width), compact_layout(picture, width)
        rows = len(picture.seen_rows())
        fits = self.view == "matrix" or rows <= _TALLEST_MATRIX
        if full is not None and fits:
            yield from matrix(picture, ink, full)
        elif self.view == "matrix":
            yield from matrix(picture, ink, compact)
        elif fits and compact.per_band >= len(picture.steps):
            yield from matrix(picture, ink, compact)
            yield Text()
            yield from strongest(picture, ink, width, self.columns, self.top)
        else:
            yield from reading(picture, ink, width, self.columns)
            yield Text()
            yield from strongest(picture, ink, width, self.columns, self.top)
        yield Text()
        yield from legend(picture, ink, width)


def whole(line: Text, options: ConsoleOptions) -> Text:
    """The line as it may be printed: never cropped; in plain ASCII where the output knows no more."""
    line.overflow = "fold"
    return _ascii(line) if options.ascii_only else line


def checked_view(view: str) -> View:
    """``view`` if there is one of that name.

    Raises:
        SettingsError: There is none.
    """
    known = get_args(View)
    if view not in known:
        raise SettingsError(f"No view is called {view!r}.{nearest(view, known)} There are: {', '.join(known)}.")
    return view  # type: ignore[return-value]


_PLAIN = str.maketrans(
    {
        "·": ".",
        "…": "~",
        "␣": "_",
        "⏎": "\\",
        "→": ">",
        "─": "-",
        "░": ".",
        "▒": "o",
        "▓": "x",
        "█": "#",
        "∅": "0",
        "⇥": ">",
        "\u2068": "",
        "\u2069": "",
        "×": "x",
        **dict.fromkeys("▏▎▍▌▋▊▉", "#"),
    }
)


def _ascii(line: Text) -> Text:
    """The same line, spans and all, with other characters as escapes."""
    parts = Text(overflow="fold")
    for piece in line.divide(range(1, len(line))) if line else []:
        plain = piece.plain.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii")
        parts.append(plain, style=piece.spans[-1].style if piece.spans else line.style)
    return parts
