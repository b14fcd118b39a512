"""The text in colours, as papers print it: what each chosen output comes from. SVG and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape as escape_markup

import numpy as np
from attrs import frozen

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette, Rgb, Theme
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import range_ends, step_score
from wherefrom_viz.describe.running_text import Part, line_parts, reading_direction
from wherefrom_viz.describe.text_marks import cells, isolate

_CHARACTER = 0.56
"""Width of a character, in font sizes; each piece of text is set to its width exactly."""
_LINE = 1.75
"""Distance of lines, in font sizes."""


@frozen(kw_only=True)
class Piece:
    """A part of running text with its share of the strongest colour."""

    part: Part
    strength: float
    first: bool
    """Does it begin its paragraph?"""
    backwards: bool
    """Is its paragraph read from right to left?"""


@frozen(kw_only=True)
class Paragraph:
    """What one output, or all together, comes from."""

    heading: str
    pieces: tuple[Piece, ...]


def paragraphs(description: Description, together: bool) -> list[Paragraph]:
    """The text before each output, or before the last with the scores of all summed.

    Args:
        description: What to read.
        together: One paragraph for all outputs.
    """
    columns = [list(range(len(description.steps)))] if together else [[c] for c in range(len(description.steps))]
    backwards = {
        row
        for side in description.sides
        if reading_direction(description.inputs[side.start : side.end]) == "rtl"
        for row in range(side.start, side.end)
    }
    found = []
    for chosen in columns:
        strengths = description.strengths(chosen)
        seen = np.flatnonzero(description.visible[:, chosen].any(axis=1))
        pieces = []
        for place, row in enumerate(seen):
            unit, first = description.inputs[row], place == 0 or any(row == side.start for side in description.sides)
            strength = float(strengths[row])
            parts = line_parts(unit.text, unit.space_before)
            pieces += [
                Piece(part=part, strength=strength, first=first and part is parts[0], backwards=int(row) in backwards)
                for part in parts
            ]
        output = "all outputs together" if together else description.steps[chosen[0]].label
        facts = (
            ""
            if together
            else "".join(
                f"   {name} {step_score(float(values[chosen[0]]))}" for name, values in description.step_scores.items()
            )
        )
        found.append(Paragraph(heading=f"→ {output}{facts}", pieces=tuple(pieces)))
    return found


def drawn_lines(
    paragraph: Paragraph, palette: Palette, theme: Theme, size: float, width: float, text: Rgb, quiet: Rgb
) -> tuple[list[str], float]:
    """SVG of one paragraph at the top left, and its height, in points."""
    out = [
        f'<text x="{_n(size / 2)}" y="{_n(1.2 * size)}" font-weight="bold" fill="{colours.to_hex(quiet)}" '
        f'xml:space="preserve">{_x(isolate(paragraph.heading))}</text>'
    ]
    x, y = size / 2, 1.2 * size + _LINE * size
    for piece in paragraph.pieces:
        if piece.first and x > size / 2:
            x, y = size / 2, y + _LINE * size
        gap = 0.32 * size if piece.part.spaced and x > size / 2 else 0.0
        shown = piece.part.text
        wide = max(1, cells(shown)) * size * _CHARACTER
        if x + gap + wide > width - size / 2 and x > size / 2:
            x, y, gap = size / 2, y + _LINE * size, 0.0
        x += gap
        left = width - x - wide if piece.backwards else x
        background = palette.colour(piece.strength, theme)
        fill = text
        if abs(piece.strength) > 0.01:
            fill = colours.text_on(background)
            out.append(
                f'<rect x="{_n(left)}" y="{_n(y - 1.05 * size)}" width="{_n(wide)}" height="{_n(1.4 * size)}" '
                f'fill="{colours.to_hex(background)}"/>'
            )
        if shown:
            out.append(
                f'<text x="{_n(left)}" y="{_n(y)}" textLength="{_n(wide)}" lengthAdjust="spacingAndGlyphs" '
                f'fill="{colours.to_hex(fill)}">{_x(isolate(shown))}</text>'
            )
        x += wide
        if piece.part.ends:
            x, y = size / 2, y + _LINE * size
    return out, y + 0.9 * size


def latex_lines(paragraph: Paragraph, palette: Palette, escape: dict[str, str]) -> Iterator[str]:
    """LaTeX of one paragraph: a coloured box for each unit, breaking over lines."""

    def safe(text: str) -> str:
        return "".join(escape.get(character, character) for character in text)

    yield rf"\noindent\textbf{{{safe(paragraph.heading)}}}\par\nobreak"
    line: list[str] = []
    for piece in paragraph.pieces:
        if piece.first and line:
            yield "".join(line) + r"\par"
            line = []
        if piece.part.spaced and line:
            line.append(" ")
        colour = palette.colour(piece.strength, "light")
        shown = safe(piece.part.text)
        if colour != colours.WHITE and shown:
            white = r"\color{white}" if colours.text_on(colour) == colours.WHITE else ""
            shown = rf"\colorbox[HTML]{{{colours.to_hex(colour)[1:].upper()}}}{{\strut{white} {shown}}}\allowbreak{{}}"
        line.append(shown)
        if piece.part.ends:
            yield "".join(line) + r"\par"
            line = []
    if line:
        yield "".join(line) + r"\par"


def legend_ends(description: Description, together: bool) -> tuple[str, str]:
    """The scores of the weakest and of the strongest colour, and whether what is shown goes beyond them."""
    scores = np.where(description.visible, description.scores, 0.0)
    shown = description.scores[description.visible.any(axis=1)].sum(axis=1) if together else scores
    bound = description.bound_of(range(len(description.steps))) if together else description.scale.bound
    return range_ends(bound, shown, signed=description.words.signed)


def _x(text: str) -> str:
    return escape_markup(text, quote=True)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
