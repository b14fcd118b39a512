"""Tables for documents: Markdown and LaTeX. The same input gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette, palette_named
from wherefrom_viz.describe.description import Description, Shown, describe_all, style_of, told
from wherefrom_viz.describe.numbers import NumberStyle, aligned
from wherefrom_viz.describe.options import check_options
from wherefrom_viz.describe.text_marks import elide
from wherefrom_viz.figures import text
from wherefrom_viz.figures.cropping import checked_view, cropped


def render_markdown(
    attributions: Shown,
    *,
    view: str = "auto",
    top: int | None = None,
    steps: Sequence[int] | None = None,
    **options: Any,
) -> str:
    """A Markdown table per example. Every character that Markdown would act on is escaped.

    Args:
        attributions: One or many.
        view: One of figures' views; each is the same table.
        top: How many inputs to show, by their largest magnitude.
        steps: Outputs to show, counted from 0.
        **options: As for `describe`.

    Raises:
        InputError: There is no such output.
        SettingsError: Figures have no such view, or an option does not fit.
    """
    check_options(render_markdown, locals())
    checked_view(view)
    parts = (cropped(one, top, steps) for one in describe_all(attributions, **options))
    return "\n".join("\n".join(_markdown(description)) + "\n" for description in parts)


def render_latex(
    attributions: Shown,
    *,
    palette: str | Palette = "red-blue",
    view: str = "auto",
    top: int | None = None,
    steps: Sequence[int] | None = None,
    **options: Any,
) -> str:
    """A LaTeX ``tabular`` per example, cells coloured, or its text in colours.

    Needs ``\\usepackage[table]{xcolor}``, and the table ``booktabs``. Letters outside Latin scripts and marks such as
    ``⏎`` need XeLaTeX or LuaLaTeX.

    Args:
        attributions: One or many.
        palette: See `wherefrom_viz.colours`.
        view: ``"matrix"`` (also ``"auto"``), or ``"read"``: the text in colours.
        top: How many inputs to show, by their largest magnitude.
        steps: Outputs to show, counted from 0; the text is set once for each, without them once for all together.
        **options: As for `describe`.

    Raises:
        InputError: There is no such output.
        SettingsError: Figures have no such view, or an option does not fit.
    """
    check_options(render_latex, locals())
    chosen = palette_named(palette)
    reading = checked_view(view)
    parts = []
    for whole in describe_all(attributions, **options):
        description = cropped(whole, top, steps)
        lines = _latex_text(description, chosen, steps is None) if reading else _latex(description, chosen)
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _latex_text(description: Description, palette: Palette, together: bool) -> Iterator[str]:
    low, high = text.legend_ends(description, together)
    yield r"% needs \usepackage{xcolor} and \usepackage{textcomp}"
    yield r"{\setlength{\fboxsep}{1pt}\raggedright"
    paragraphs = text.paragraphs(description, together)
    if any(piece.backwards for paragraph in paragraphs for piece in paragraph.pieces):
        yield r"% read from right to left: set it between \begin{RTL} and \end{RTL} of the package bidi (XeLaTeX)"
    for paragraph in paragraphs:
        yield from text.latex_lines(paragraph, palette, _LATEX)
    yield "}"
    yield f"% colours from {low} to {high}; {description.words.sentence}; {description.pipeline_words}"
    for remark in description.remarks(range(len(description.steps)) if together else None):
        yield f"% {remark}"


def _cells(description: Description, row: int, style: NumberStyle) -> Iterator[tuple[str, float | None]]:
    """Of each cell its number, and its share of the strongest colour; None where a step did not see the input."""
    for column in range(len(description.steps)):
        if not description.visible[row, column]:
            yield "", None
        else:
            value = float(description.scores[row, column])
            yield style(value, plus=description.words.signed), description.strength(value, column)


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&:@])")


def _markdown(description: Description) -> Iterator[str]:
    style = style_of(description)

    def safe(text: str) -> str:
        return _MARKDOWN.sub(r"\\\1", text)

    heading = " · ".join(part for part in (description.title, description.subtitle) if part)
    if heading:
        yield f"**{safe(heading)}**"
        yield ""
    yield f"| | {' | '.join(safe(elide(step.label, 40)) for step in description.steps)} |"
    yield f"|---|{'---:|' * len(description.steps)}"
    for row in description.seen_rows():
        values = list(_cells(description, row, style))
        largest = [
            f"**{text}**" if strength is not None and abs(strength) >= 0.5 else text for text, strength in values
        ]
        yield f"| {safe(elide(description.inputs[row].label, 40))} | {' | '.join(largest)} |"
    for name, scores in description.step_scores.items():
        yield f"| *{safe(name)}* | {' | '.join(aligned(scores))} |"
    yield ""
    yield safe(told(description, style, [description.unshown]))


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


def _latex(description: Description, palette: Palette) -> Iterator[str]:
    style = style_of(description)

    def safe(text: str) -> str:
        return "".join(_LATEX.get(character, character) for character in text)

    def cell(text: str, strength: float | None) -> str:
        if strength is None:
            return r"$\cdot$"
        colour = palette.colour(strength, "light")
        if colour == colours.WHITE:
            return f"${text}$"
        text_colour = r"\color{white}" if colours.text_on(colour) == colours.WHITE else ""
        return rf"\cellcolor[HTML]{{{colours.to_hex(colour)[1:].upper()}}}{text_colour}${text}$"

    yield r"% needs \usepackage[table]{xcolor}, \usepackage{booktabs} and \usepackage{textcomp}"
    yield rf"\begin{{tabular}}{{r{'c' * len(description.steps)}}}"
    yield r"\toprule"
    sign = r"\textminus " if style.exponent < 0 else ""
    factor = rf"\texttimes{{}}10\textsuperscript{{{sign}{abs(style.exponent)}}}" if style.exponent else ""
    yield " & ".join([factor, *(safe(elide(step.label, 30)) for step in description.steps)]) + r" \\"
    yield r"\midrule"
    starts = {rows[0] for _, rows in description.sections()[1:]}
    for row in description.seen_rows():
        if row in starts:
            yield r"\midrule"
        texts: Sequence[str] = [cell(text, strength) for text, strength in _cells(description, row, style)]
        yield " & ".join([safe(elide(description.inputs[row].label, 30)), *texts]) + r" \\"
    if description.step_scores:
        yield r"\midrule"
    for name, scores in description.step_scores.items():
        yield " & ".join([rf"\textit{{{safe(name)}}}", *aligned(scores)]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield f"% {told(description, style, description.remarks())}"
