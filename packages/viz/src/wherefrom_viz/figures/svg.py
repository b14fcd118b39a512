"""Figures for papers and tables for documents: SVG, PNG, Markdown, LaTeX. The same input gives the same
bytes.

An SVG is sized for a column: its width is given in points and its text stays at the size asked for, so
that it is set beside a paper's own text. PNG needs the optional package ``resvg-py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any
from warnings import warn

from wherefrom.errors import InputError, WherefromWarning

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette, Rgb, Theme, palette_named
from wherefrom_viz.describe.description import Description, Shown, describe_all, style_of
from wherefrom_viz.describe.numbers import written
from wherefrom_viz.describe.options import check_options
from wherefrom_viz.describe.text_marks import cells, elide
from wherefrom_viz.figures import text as running_text
from wherefrom_viz.figures.cropping import checked_view, cropped

FONTS = "'DejaVu Sans', 'Noto Sans', Arial, Helvetica, sans-serif"
_COLUMN_WIDTH = 345.0
"""Points: the text width of a LaTeX article."""
TALL = 2_000.0
"""Points from which a figure is said to be too high to print."""
_CHARACTER = 0.62
"""Width of a character of the fonts above, in font sizes; generous, so that no text is cut."""
_NUMBERS = 0.85
"""Size of numbers in cells, in font sizes."""


def render_svg(
    attributions: Shown,
    *,
    width: float | None = None,
    font_size: float = 9.0,
    palette: str | Palette = "red-blue",
    theme: Theme = "light",
    numbers: bool | None = None,
    legend: bool = True,
    view: str = "auto",
    top: int | None = None,
    steps: Sequence[int] | None = None,
    **options: Any,
) -> str:
    """The matrix, or the text in colours, as an SVG figure; several examples stand below each other.

    Args:
        attributions: One or many.
        width: Width in points. None takes what the matrix needs, at most a text column if that is enough.
        font_size: Size of the text in points.
        palette: See `wherefrom_viz.colours`.
        theme: ``"light"`` on white, ``"dark"`` on dark grey.
        numbers: Write scores into the cells; None where they fit.
        legend: Draw the colour scale and what it means.
        view: ``"matrix"`` (also ``"auto"``), or ``"read"``: the text in colours, once for each of ``steps``,
            or, without them, once for all outputs together.
        top: How many inputs of the matrix to show, by their largest magnitude.
        steps: Outputs to show, counted from 0.
        **options: As for `describe`: ``granularity``, ``normalize``, ``min_val``, ``max_val``, ...

    Raises:
        InputError: There is no such output, or nothing to draw.
        SettingsError: Figures have no such view, or an option does not fit.
    """
    check_options(render_svg, locals())
    reading = checked_view(view)
    descriptions = [cropped(one, top, steps) for one in describe_all(attributions, **options)]
    chosen = palette_named(palette)
    _, foreground, quiet = surroundings(theme)
    drawn: list[_Figure | TextFigure] = [
        TextFigure(description, chosen, theme, font_size, width, legend, together=steps is None)
        for description in descriptions
        if reading
    ]
    drawn += [
        _Figure(description, chosen, theme, font_size, width, numbers, legend)
        for description in descriptions
        if not reading
    ]
    total_width = max((figure.width for figure in drawn), default=100.0)
    total_height = sum(figure.height for figure in drawn) or 20.0
    if total_height > TALL and top is None:
        warn(
            f"This figure is {total_height:,.0f} points high; a page of a paper has about 700. top=20 keeps the "
            "strongest inputs, steps=[...] chosen outputs.",
            WherefromWarning,
            stacklevel=2,
        )
    lines = _opened(total_width, total_height, font_size, theme)
    y = 0.0
    for figure in drawn:
        lines.append(f'<g transform="translate(0 {_n(y)})">')
        lines += figure.lines(foreground, quiet)
        lines.append("</g>")
        y += figure.height
    return "\n".join([*lines, "</svg>"]) + "\n"


def opened_svg(figure: _Figure | TextFigure, theme: Theme) -> list[str]:
    """The beginning of an SVG of one figure: its size, fonts and background."""
    return _opened(figure.width, figure.height, figure.size, theme)


def _opened(width: float, height: float, font_size: float, theme: Theme) -> list[str]:
    page, foreground, _ = surroundings(theme)
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}pt" height="{_n(height)}pt" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" font-family="{FONTS}" font-size="{_n(font_size)}" '
        f'fill="{colours.to_hex(foreground)}">',
        f'<rect width="100%" height="100%" fill="{colours.to_hex(page)}"/>',
    ]


class _Figure:
    """One matrix: measured on construction, drawn by `lines`. Coordinates in points."""

    def __init__(
        self,
        description: Description,
        palette: Palette,
        theme: Theme,
        size: float,
        width: float | None,
        numbers: bool | None,
        legend: bool,
    ) -> None:
        if not description.steps:
            raise InputError("There are no explained tokens to draw.")
        self.description, self.palette, self.size = description, palette, size
        self.theme: Theme = theme
        self.rows = description.seen_rows()
        self.style = style_of(description)
        labels = [description.inputs[row].label for row in self.rows] + list(description.step_scores)
        self.label_width = min(26, max(map(cells, labels), default=4)) * size * _CHARACTER + size
        longest = max(cells(step.label) for step in description.steps)
        count = len(description.steps)
        wanted = _COLUMN_WIDTH if width is None else width
        room = (wanted - self.label_width - size) / count
        self.numbers = numbers if numbers is not None else (width is None and count <= 20) or room >= 2.6 * size
        self.names = list(description.step_scores) if self.numbers else []
        least = 3.2 * size if self.numbers else 1.2 * size
        natural = max(least, min(longest, 12) * size * _CHARACTER + 0.8 * size)
        self.cell = max(min(natural, room), least if width is None else 0.5 * size)
        self.digits = max(5, int(self.cell / (_NUMBERS * size * _CHARACTER)) - 1)
        self.upright = longest * size * _CHARACTER > self.cell
        self.head = (min(longest, 18) * size * _CHARACTER if self.upright else size) + 0.8 * size
        self.row = 1.65 * size
        self.title = 1.8 * size if description.title or description.subtitle else 0.4 * size
        self.sections = description.sections()
        body = self.label_width + count * self.cell + size
        scale = [elide(text, 200) for text in _legend_words(description)] if legend else []
        self.legend = scale
        self.width = max(body, *(len(text) * size * 0.5 + 2 * size for text in scale), 12 * size) if scale else body
        self.width = max(self.width, wanted) if width is not None else self.width
        self.foot = (0.6 + len(scale) * 1.5 + 1.6) * size if legend else 0.5 * size
        self.height = self.title + self.head + (len(self.rows) + len(self.names)) * self.row + self.foot
        self.height += 0.5 * size if self.names else 0.0

    def lines(self, foreground: Rgb, quiet: Rgb) -> Iterator[str]:
        description, size = self.description, self.size
        grey = colours.to_hex(quiet)
        if description.title or description.subtitle:
            title = f'<tspan font-weight="bold">{_x(description.title)}</tspan>' if description.title else ""
            gap = "  " if description.title and description.subtitle else ""
            yield (
                f'<text x="{_n(size / 2)}" y="{_n(1.3 * size)}" xml:space="preserve">{title}{gap}'
                f'<tspan fill="{grey}">{_x(description.subtitle)}</tspan></text>'
            )
        top = self.title + self.head
        for column, step in enumerate(description.steps):
            x = self.label_width + (column + 0.5) * self.cell
            text = _x(elide(step.label, 18))
            if self.upright:
                turned = f"translate({_n(x + size * 0.35)} {_n(top - 0.4 * size)}) rotate(-90)"
                yield f'<text transform="{turned}">{text}</text>'
            else:
                above = _n(top - 0.5 * size)
                yield f'<text x="{_n(x)}" y="{above}" text-anchor="middle" font-weight="bold">{text}</text>'
        if self.numbers and self.style.note:
            yield (
                f'<text x="{_n(self.label_width - 0.5 * size)}" y="{_n(top - 0.5 * size)}" text-anchor="end" '
                f'fill="{grey}">{self.style.note}</text>'
            )
        starts = {rows[0] for _, rows in self.sections[1:]}
        for place, row in enumerate(self.rows):
            y = top + place * self.row
            yield from self._row_lines(row, y, grey)
            if row in starts:
                yield self._rule(y, grey)
        y = top + len(self.rows) * self.row + 0.5 * size
        if self.names:
            yield self._rule(y - 0.25 * size, grey)
        for name in self.names:
            yield self._label(name, y, grey, italic=True)
            for column, text in enumerate(written(description.step_scores[name], self.digits)):
                yield self._cell_text(text, column, y, colours.to_hex(foreground))
            y += self.row
        if self.legend:
            yield from self._legend_lines(self.height - self.foot, grey)

    def _row_lines(self, row: int, y: float, grey: str) -> Iterator[str]:
        description = self.description
        yield self._label(
            elide(description.inputs[row].label, 26), y, grey if description.inputs[row].token.special else ""
        )
        for column in range(len(description.steps)):
            if not description.visible[row, column]:
                x = self.label_width + (column + 0.5) * self.cell
                yield f'<circle cx="{_n(x)}" cy="{_n(y + self.row / 2)}" r="{_n(self.size * 0.06)}" fill="{grey}"/>'
                continue
            value = float(description.scores[row, column])
            strength = description.strength(value, column)
            background = self.palette.colour(strength, self.theme)
            if abs(strength) > 0.01:
                yield (
                    f'<rect x="{_n(self.label_width + column * self.cell)}" y="{_n(y)}" width="{_n(self.cell)}" '
                    f'height="{_n(self.row)}" fill="{colours.to_hex(background)}"/>'
                )
            if value != 0:
                text = (
                    self.style.cell(value, self.digits, plus=False)
                    if self.numbers
                    else ("−" if strength < -0.04 else "")
                )
                if text:
                    shown = text.replace("-", "−")
                    yield self._cell_text(shown, column, y, colours.to_hex(colours.text_on(background)))

    def _label(self, text: str, y: float, fill: str, *, italic: bool = False) -> str:
        extra = (f' fill="{fill}"' if fill else "") + (' font-style="italic"' if italic else "")
        x, baseline = self.label_width - 0.5 * self.size, y + self.row / 2 + 0.35 * self.size
        return f'<text x="{_n(x)}" y="{_n(baseline)}" text-anchor="end"{extra}>{_x(text)}</text>'

    def _cell_text(self, text: str, column: int, y: float, fill: str) -> str:
        x, baseline = self.label_width + (column + 0.5) * self.cell, y + self.row / 2 + 0.3 * self.size
        size = self.size * (_NUMBERS if self.numbers else 0.7)
        place = f'x="{_n(x)}" y="{_n(baseline)}" text-anchor="middle"'
        return f'<text {place} font-size="{_n(size)}" fill="{fill}">{_x(text)}</text>'

    def _rule(self, y: float, grey: str) -> str:
        end = self.label_width + len(self.description.steps) * self.cell
        ends = f'x1="{_n(self.size / 2)}" x2="{_n(end)}" y1="{_n(y)}" y2="{_n(y)}"'
        return f'<line {ends} stroke="{grey}" stroke-width="0.5"/>'

    def _legend_lines(self, y: float, grey: str) -> Iterator[str]:
        ends = running_text.legend_ends(self.description, together=False)
        yield from _ramp(self.palette, self.theme, self.size, y, grey, ends)
        for place, line in enumerate(self.legend):
            yield (
                f'<text x="{_n(self.size / 2)}" y="{_n(y + (3.1 + 1.5 * place) * self.size)}" '
                f'fill="{grey}">{_x(line)}</text>'
            )


class TextFigure:
    """The text in colours: measured on construction, drawn by `lines`. Coordinates in points."""

    def __init__(
        self,
        description: Description,
        palette: Palette,
        theme: Theme,
        size: float,
        width: float | None,
        legend: bool,
        *,
        together: bool,
    ) -> None:
        if not description.steps:
            raise InputError("There are no explained tokens to draw.")
        self.description, self.palette, self.size = description, palette, size
        self.theme: Theme = theme
        self.together = together
        self.width = _COLUMN_WIDTH if width is None else width
        self.words = _legend_words(description, together=together) if legend else []
        self.title = 1.8 * size if description.title or description.subtitle else 0.4 * size
        _, foreground, quiet = surroundings(theme)
        self.blocks = [
            running_text.drawn_lines(paragraph, palette, theme, size, self.width, foreground, quiet)
            for paragraph in running_text.paragraphs(description, together)
        ]
        self.foot = (0.6 + len(self.words) * 1.5 + 1.6) * size if legend else 0.5 * size
        self.height = self.title + sum(height for _, height in self.blocks) + self.foot

    def stretch(self, height: float) -> None:
        """Leave room so that the text of one output takes so much, and legends of several stand at one height."""
        ((lines, own),) = self.blocks
        self.blocks = [(lines, max(own, height))]
        self.height += max(0.0, height - own)

    def lines(self, foreground: Rgb, quiet: Rgb) -> Iterator[str]:
        """Its SVG."""
        grey, size = colours.to_hex(quiet), self.size
        if self.title > size:
            heading = elide(
                " · ".join(part for part in (self.description.title, self.description.subtitle) if part),
                max(8, int(self.width / (size * _CHARACTER))),
            )
            yield f'<text x="{_n(size / 2)}" y="{_n(1.3 * size)}" font-weight="bold">{_x(heading)}</text>'
        y = self.title
        for lines, height in self.blocks:
            yield f'<g transform="translate(0 {_n(y)})">'
            yield from lines
            yield "</g>"
            y += height
        if self.words:
            ends = running_text.legend_ends(self.description, self.together)
            yield from _ramp(self.palette, self.theme, size, y, grey, ends)
            for place, line in enumerate(self.words):
                shown = elide(line, max(8, int(self.width / (size * 0.5))))
                at = f'x="{_n(size / 2)}" y="{_n(y + (3.1 + 1.5 * place) * size)}"'
                yield f'<text {at} fill="{grey}">{_x(shown)}</text>'


def _ramp(palette: Palette, theme: Theme, size: float, y: float, grey: str, ends: tuple[str, str]) -> Iterator[str]:
    """The colours between the weakest and the strongest score, both in numbers."""
    low, high = ends
    signed = low != "0"
    text = low.replace("-", "−")
    yield f'<text x="{_n(size / 2)}" y="{_n(y + 1.5 * size)}" fill="{grey}">{text}</text>'
    x, step = size / 2 + (len(text) + 0.6) * size * _CHARACTER, size * 0.7
    shares = [place / 8 for place in range(-8 if signed else 0, 9)]
    for share in shares:
        fill = colours.to_hex(palette.colour(share, theme))
        yield f'<rect x="{_n(x)}" y="{_n(y + 0.7 * size)}" width="{_n(step)}" height="{_n(size)}" fill="{fill}"/>'
        x += step
    edge = x - step * len(shares)
    yield (
        f'<rect x="{_n(edge)}" y="{_n(y + 0.7 * size)}" width="{_n(x - edge)}" height="{_n(size)}" '
        f'fill="none" stroke="{grey}" stroke-width="0.4"/>'
    )
    yield f'<text x="{_n(x + 0.5 * size)}" y="{_n(y + 1.5 * size)}" fill="{grey}">{high}</text>'


def _legend_words(description: Description, *, together: bool = False) -> list[str]:
    words = [description.words.sentence.replace(", - ", ", − "), description.pipeline_words]
    return [*words, *description.remarks(range(len(description.steps)) if together else None)]


def surroundings(theme: Theme) -> tuple[Rgb, Rgb, Rgb]:
    """Background, text and quiet text."""
    if theme == "dark":
        return colours.from_hex("#1c1d21"), colours.from_hex("#eceef2"), colours.from_hex("#a9b0bd")
    return colours.WHITE, colours.from_hex("#1b1d22"), colours.from_hex("#59606d")


def _x(text: str) -> str:
    """Text for XML: marks have replaced what XML forbids, the rest is escaped."""
    return escape(text, quote=True)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
