"""Figures for papers and tables for documents: SVG, PNG, Markdown, LaTeX. The same input gives the same
bytes.

An SVG is sized for a column: its width is given in points and its text stays at the size asked for, so
that it is set beside a paper's own text. PNG needs the optional package ``resvg-py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from wherefrom.errors import InputError, MissingDependencyError

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette, Rgb, Theme, palette_named
from wherefrom_viz.description import Description, Shown, describe_all
from wherefrom_viz.numbers_shown import NumberStyle, aligned, number_style
from wherefrom_viz.text_marks import cells, elide

FONTS = "'DejaVu Sans', 'Noto Sans', Arial, Helvetica, sans-serif"
_COLUMN_WIDTH = 345.0
"""Points: the text width of a LaTeX article."""
_CHARACTER = 0.62
"""Width of a character of the fonts above, in font sizes; generous, so that no text is cut."""


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
    **options: Any,
) -> str:
    """The matrix as an SVG figure; several examples stand below each other.

    Args:
        attributions: One or many.
        width: Width in points. None takes what the matrix needs, at most a text column if that is enough.
        font_size: Size of the text in points.
        palette: See `wherefrom_viz.colours`.
        theme: ``"light"`` on white, ``"dark"`` on dark grey.
        numbers: Write scores into the cells; None where they fit.
        legend: Draw the colour scale and what it means.
        view: Ignored; figures are matrices.
        **options: As for `describe`: ``granularity``, ``normalize``, ``min_val``, ``max_val``, ...
    """
    pictures = describe_all(attributions, **options)
    chosen = palette_named(palette)
    page, ink, quiet = _surroundings(theme)
    drawn = [_Figure(picture, chosen, theme, font_size, width, numbers, legend) for picture in pictures]
    total_width = max((figure.width for figure in drawn), default=100.0)
    total_height = sum(figure.height for figure in drawn) or 20.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(total_width)}pt" height="{_n(total_height)}pt" '
        f'viewBox="0 0 {_n(total_width)} {_n(total_height)}" font-family="{FONTS}" font-size="{_n(font_size)}" '
        f'fill="{colours.to_hex(ink)}">',
        f'<rect width="100%" height="100%" fill="{colours.to_hex(page)}"/>',
    ]
    top = 0.0
    for figure in drawn:
        lines.append(f'<g transform="translate(0 {_n(top)})">')
        lines += figure.lines(ink, quiet)
        lines.append("</g>")
        top += figure.height
    return "\n".join([*lines, "</svg>"]) + "\n"


def render_png(attributions: Shown, *, scale: float = 3.0, **options: Any) -> bytes:
    """The SVG figure as pixels.

    Args:
        attributions: One or many.
        scale: Pixels per point; 3 is about 216 dpi.
        **options: As for `render_svg`.

    Raises:
        MissingDependencyError: ``resvg-py`` is not installed.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise MissingDependencyError(
            "Drawing a PNG needs the package resvg-py, which is not installed. "
            "Install it with: pip install 'wherefrom-viz[png]'. An SVG (to_svg) needs nothing more."
        ) from error
    drawn = render_svg(attributions, **options)
    size = re.search(r'width="([\d.]+)pt"', drawn)
    assert size is not None  # we wrote it a line above
    plain = drawn.replace('pt"', '"', 2)
    return bytes(resvg_py.svg_to_bytes(svg_string=plain, width=round(float(size[1]) * scale)))


def render_markdown(attributions: Shown, *, view: str = "auto", **options: Any) -> str:
    """A Markdown table per example. Every character that Markdown would act on is escaped."""
    return "\n".join("\n".join(_markdown(picture)) + "\n" for picture in describe_all(attributions, **options))


def render_latex(
    attributions: Shown, *, palette: str | Palette = "red-blue", view: str = "auto", **options: Any
) -> str:
    """A LaTeX ``tabular`` per example, cells coloured. Needs ``\\usepackage[table]{xcolor}`` and
    ``booktabs``.

    Letters outside Latin scripts and marks such as ``⏎`` need XeLaTeX or LuaLaTeX.
    """
    chosen = palette_named(palette)
    return "\n".join("\n".join(_latex(picture, chosen)) + "\n" for picture in describe_all(attributions, **options))


class _Figure:
    """One matrix: measured on construction, drawn by `lines`. Coordinates in points."""

    def __init__(
        self,
        picture: Description,
        palette: Palette,
        theme: Theme,
        size: float,
        width: float | None,
        numbers: bool | None,
        legend: bool,
    ) -> None:
        if not picture.steps:
            raise InputError("There are no explained tokens to draw.")
        self.picture, self.palette, self.theme, self.size = picture, palette, theme, size
        self.rows = picture.seen_rows()
        self.style = number_style(picture.scale.bound)
        labels = [picture.inputs[row].label for row in self.rows] + list(picture.step_scores)
        self.label_width = min(26, max(map(cells, labels), default=4)) * size * _CHARACTER + size
        longest = max(cells(step.label) for step in picture.steps)
        count = len(picture.steps)
        wanted = _COLUMN_WIDTH if width is None else width
        room = (wanted - self.label_width - size) / count
        self.numbers = numbers if numbers is not None else (width is None and count <= 20) or room >= 2.6 * size
        self.names = list(picture.step_scores) if self.numbers else []
        least = 3.2 * size if self.numbers else 1.2 * size
        natural = max(least, min(longest, 12) * size * _CHARACTER + 0.8 * size)
        self.cell = max(min(natural, room), least if width is None else 0.5 * size)
        self.upright = longest * size * _CHARACTER > self.cell
        self.head = (min(longest, 18) * size * _CHARACTER if self.upright else size) + 0.8 * size
        self.row = 1.65 * size
        self.title = 1.8 * size if picture.title or picture.subtitle else 0.4 * size
        self.sections = picture.sections()
        body = self.label_width + count * self.cell + size
        scale = [elide(text, 200) for text in _legend_words(picture, self.style)] if legend else []
        self.legend = scale
        self.width = max(body, *(len(text) * size * 0.5 + 2 * size for text in scale), 12 * size) if scale else body
        self.width = max(self.width, wanted) if width is not None else self.width
        self.foot = (0.6 + len(scale) * 1.5 + 1.6) * size if legend else 0.5 * size
        self.height = self.title + self.head + (len(self.rows) + len(self.names)) * self.row + self.foot
        self.height += 0.5 * size if self.names else 0.0

    def lines(self, ink: Rgb, quiet: Rgb) -> Iterator[str]:
        picture, size = self.picture, self.size
        grey = colours.to_hex(quiet)
        if picture.title or picture.subtitle:
            title = f'<tspan font-weight="bold">{_x(picture.title)}</tspan>' if picture.title else ""
            gap = "  " if picture.title and picture.subtitle else ""
            yield (
                f'<text x="{_n(size / 2)}" y="{_n(1.3 * size)}" xml:space="preserve">{title}{gap}'
                f'<tspan fill="{grey}">{_x(picture.subtitle)}</tspan></text>'
            )
        top = self.title + self.head
        for column, step in enumerate(picture.steps):
            x = self.label_width + (column + 0.5) * self.cell
            text = _x(elide(step.label, 18))
            if self.upright:
                turned = f"translate({_n(x + size * 0.35)} {_n(top - 0.4 * size)}) rotate(-90)"
                yield f'<text transform="{turned}">{text}</text>'
            else:
                above = _n(top - 0.5 * size)
                yield f'<text x="{_n(x)}" y="{above}" text-anchor="middle" font-weight="bold">{text}</text>'
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
            for column, text in enumerate(aligned(picture.step_scores[name])):
                yield self._cell_text(text, column, y, colours.to_hex(ink))
            y += self.row
        if self.legend:
            yield from self._legend_lines(self.height - self.foot, grey)

    def _row_lines(self, row: int, y: float, grey: str) -> Iterator[str]:
        picture = self.picture
        yield self._label(elide(picture.inputs[row].label, 26), y, grey if picture.inputs[row].token.special else "")
        for column in range(len(picture.steps)):
            if not picture.visible[row, column]:
                x = self.label_width + (column + 0.5) * self.cell
                yield f'<circle cx="{_n(x)}" cy="{_n(y + self.row / 2)}" r="{_n(self.size * 0.06)}" fill="{grey}"/>'
                continue
            value = float(picture.scores[row, column])
            strength = picture.scale.strength(value)
            background = self.palette.colour(strength, self.theme)
            if abs(strength) > 0.01:
                yield (
                    f'<rect x="{_n(self.label_width + column * self.cell)}" y="{_n(y)}" width="{_n(self.cell)}" '
                    f'height="{_n(self.row)}" fill="{colours.to_hex(background)}"/>'
                )
            if value != 0:
                text = self.style(value, plus=False) if self.numbers else ("−" if strength < -0.04 else "")
                if text:
                    shown = text.replace("-", "−")
                    yield self._cell_text(shown, column, y, colours.to_hex(colours.text_on(background)))

    def _label(self, text: str, y: float, fill: str, *, italic: bool = False) -> str:
        extra = (f' fill="{fill}"' if fill else "") + (' font-style="italic"' if italic else "")
        x, baseline = self.label_width - 0.5 * self.size, y + self.row / 2 + 0.35 * self.size
        return f'<text x="{_n(x)}" y="{_n(baseline)}" text-anchor="end"{extra}>{_x(text)}</text>'

    def _cell_text(self, text: str, column: int, y: float, fill: str) -> str:
        x, baseline = self.label_width + (column + 0.5) * self.cell, y + self.row / 2 + 0.3 * self.size
        size = self.size * (0.85 if self.numbers else 0.7)
        place = f'x="{_n(x)}" y="{_n(baseline)}" text-anchor="middle"'
        return f'<text {place} font-size="{_n(size)}" fill="{fill}">{text}</text>'

    def _rule(self, y: float, grey: str) -> str:
        end = self.label_width + len(self.picture.steps) * self.cell
        ends = f'x1="{_n(self.size / 2)}" x2="{_n(end)}" y1="{_n(y)}" y2="{_n(y)}"'
        return f'<line {ends} stroke="{grey}" stroke-width="0.5"/>'

    def _legend_lines(self, y: float, grey: str) -> Iterator[str]:
        size, signed = self.size, self.picture.words.signed
        low, high = (-self.picture.scale.bound if signed else 0.0), self.picture.scale.bound
        text = self.style(low).replace("-", "−") if signed else "0"
        yield f'<text x="{_n(size / 2)}" y="{_n(y + 1.5 * size)}" fill="{grey}">{text}</text>'
        x, step = size / 2 + (len(text) + 0.6) * size * _CHARACTER, size * 0.7
        shares = [place / 8 for place in range(-8 if signed else 0, 9)]
        for share in shares:
            fill = colours.to_hex(self.palette.colour(share, self.theme))
            yield f'<rect x="{_n(x)}" y="{_n(y + 0.7 * size)}" width="{_n(step)}" height="{_n(size)}" fill="{fill}"/>'
            x += step
        edge = x - step * len(shares)
        yield (
            f'<rect x="{_n(edge)}" y="{_n(y + 0.7 * size)}" width="{_n(x - edge)}" height="{_n(size)}" '
            f'fill="none" stroke="{grey}" stroke-width="0.4"/>'
        )
        end = self.style(high, plus=signed) + (f" {self.style.note}" if self.style.note else "")
        yield f'<text x="{_n(x + 0.5 * size)}" y="{_n(y + 1.5 * size)}" fill="{grey}">{end}</text>'
        for place, line in enumerate(self.legend):
            yield f'<text x="{_n(size / 2)}" y="{_n(y + (3.1 + 1.5 * place) * size)}" fill="{grey}">{_x(line)}</text>'


def _legend_words(picture: Description, style: NumberStyle) -> list[str]:
    return [picture.words.sentence.replace(", - ", ", − "), picture.pipeline_words]


def _surroundings(theme: Theme) -> tuple[Rgb, Rgb, Rgb]:
    """Page, ink and quiet ink."""
    if theme == "dark":
        return colours.from_hex("#1c1d21"), colours.from_hex("#eceef2"), colours.from_hex("#a9b0bd")
    return colours.WHITE, colours.from_hex("#1b1d22"), colours.from_hex("#59606d")


def _x(text: str) -> str:
    """Text for XML: marks have replaced what XML forbids, the rest is escaped."""
    return escape(text, quote=True)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _cells(picture: Description, row: int, style: NumberStyle) -> Iterator[tuple[str, float | None]]:
    for column in range(len(picture.steps)):
        if not picture.visible[row, column]:
            yield "", None
        else:
            value = float(picture.scores[row, column])
            yield style(value, plus=picture.words.signed), value


def _notes(picture: Description, style: NumberStyle) -> str:
    unit = f" Numbers {style.note}." if style.note else ""
    return f"{picture.words.sentence}.{unit} {picture.pipeline_words}."


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&:@])")


def _markdown(picture: Description) -> Iterator[str]:
    style = number_style(picture.scale.bound)

    def safe(text: str) -> str:
        return _MARKDOWN.sub(r"\\\1", text)

    heading = " · ".join(part for part in (picture.title, picture.subtitle) if part)
    if heading:
        yield f"**{safe(heading)}**"
        yield ""
    yield f"| | {' | '.join(safe(elide(step.label, 40)) for step in picture.steps)} |"
    yield f"|---|{'---:|' * len(picture.steps)}"
    for row in picture.seen_rows():
        values = list(_cells(picture, row, style))
        largest = [
            f"**{text}**" if value is not None and abs(picture.scale.strength(value)) >= 0.5 else text
            for text, value in values
        ]
        yield f"| {safe(elide(picture.inputs[row].label, 40))} | {' | '.join(largest)} |"
    for name, scores in picture.step_scores.items():
        yield f"| *{safe(name)}* | {' | '.join(aligned(scores))} |"
    yield ""
    yield safe(_notes(picture, style))


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "-": "{-}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "[": "{[}",
    "]": "{]}",
}


def _latex(picture: Description, palette: Palette) -> Iterator[str]:
    style = number_style(picture.scale.bound)

    def safe(text: str) -> str:
        return "".join(_LATEX.get(character, character) for character in text)

    def cell(text: str, value: float | None) -> str:
        if value is None:
            return r"$\cdot$"
        colour = palette.colour(picture.scale.strength(value), "light")
        if colour == colours.WHITE:
            return f"${text}$"
        ink = r"\color{white}" if colours.text_on(colour) == colours.WHITE else ""
        return rf"\cellcolor[HTML]{{{colours.to_hex(colour)[1:].upper()}}}{ink}${text}$"

    yield r"% needs \usepackage[table]{xcolor}, \usepackage{booktabs} and \usepackage{textcomp}"
    yield rf"\begin{{tabular}}{{r{'c' * len(picture.steps)}}}"
    yield r"\toprule"
    yield " & ".join(["", *(safe(elide(step.label, 30)) for step in picture.steps)]) + r" \\"
    yield r"\midrule"
    starts = {rows[0] for _, rows in picture.sections()[1:]}
    for row in picture.seen_rows():
        if row in starts:
            yield r"\midrule"
        texts: Sequence[str] = [cell(text, value) for text, value in _cells(picture, row, style)]
        yield " & ".join([safe(elide(picture.inputs[row].label, 30)), *texts]) + r" \\"
    if picture.step_scores:
        yield r"\midrule"
    for name, scores in picture.step_scores.items():
        yield " & ".join([rf"\textit{{{safe(name)}}}", *aligned(scores)]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield f"% {_notes(picture, style)}"
