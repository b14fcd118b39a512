"""Scores as a table: inputs down, explained tokens across. Numbers where they fit, colours where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen
from rich.text import Text

from wherefrom_viz.console.terminal_style import FAINT, TerminalStyle
from wherefrom_viz.describe.description import Description, style_of
from wherefrom_viz.describe.numbers import NumberStyle, written
from wherefrom_viz.describe.text_marks import cells, elide, graphemes, isolate, pad

HIDDEN = "·"
_TALLEST_HEADER = 12


@frozen(kw_only=True)
class MatrixLayout:
    """How one matrix is cut to a width."""

    label_width: int
    cell_width: int
    numbers: bool
    """Do cells hold numbers? Else they are two columns of colour."""
    per_band: int
    """Columns side by side before the table starts again below."""

    def bands(self, steps: int) -> list[range]:
        """The columns of each band."""
        return [range(start, min(steps, start + self.per_band)) for start in range(0, steps, self.per_band)]


def full_layout(description: Description, terminal: TerminalStyle, width: int) -> MatrixLayout | None:
    """Cells with numbers, at least six wide, all columns side by side; None if they do not fit."""
    label_width = _label_width(description, width)
    least = 7 if terminal.level == "none" else 6
    room = (width - label_width - 1) // max(1, len(description.steps))
    if room < least:
        return None
    wanted = max([least, *(cells(step.label) + 2 for step in description.steps)])
    return MatrixLayout(
        label_width=label_width,
        cell_width=min(wanted, room, 14),
        numbers=True,
        per_band=max(1, len(description.steps)),
    )


def compact_layout(description: Description, width: int) -> MatrixLayout:
    """Two columns of colour per cell; several bands if the width needs it."""
    label_width = _label_width(description, width)
    return MatrixLayout(
        label_width=label_width, cell_width=2, numbers=False, per_band=max(1, (width - label_width - 1) // 2)
    )


def matrix(
    description: Description, terminal: TerminalStyle, layout: MatrixLayout, outputs: str = "outputs"
) -> Iterator[Text]:
    """The lines of the matrix.

    Args:
        description: What to draw.
        terminal: What the terminal can show.
        layout: From `full_layout` or `compact_layout`.
        outputs: What the columns are, for the lines above bands.
    """
    style, bands = style_of(description), layout.bands(len(description.steps))
    for number, band in enumerate(bands):
        if len(bands) > 1:
            if number:
                yield Text()
            yield Text(f"{outputs} {band[0] + 1}-{band[-1] + 1} of {len(description.steps)}", style="dim")
        yield from _header(description, layout, style, band)
        yield from _body(description, terminal, layout, style, band)
        yield from _step_scores(description, terminal, layout, band)


def _header(description: Description, layout: MatrixLayout, style: NumberStyle, band: range) -> Iterator[Text]:
    if layout.numbers:
        line = Text(pad(style.note, layout.label_width, right=True) + " ", style="dim")
        for column in band:
            line.append(
                _centred(elide(description.steps[column].label, layout.cell_width - 1), layout.cell_width),
                style="bold not dim" if description.fading(column) == 1.0 else "dim",
            )
        yield line
        return
    labels = [list(graphemes(description.steps[column].label)) for column in band]
    height = min(_TALLEST_HEADER, max((len(label) for label in labels), default=0))
    tall = [_elided_down(label, height) for label in labels]
    for level in range(height):
        line = Text(" " * (layout.label_width + 1))
        for column, letters in zip(band, tall, strict=True):
            line.append(pad(letters[level], 2), style="bold" if description.fading(column) == 1.0 else "dim")
        yield line


def _elided_down(letters: list[str], height: int) -> list[str]:
    """Letters below each other, ending right above the cells."""
    if len(letters) > height:
        letters = [*letters[: height - 1], "…"]
    return [" "] * (height - len(letters)) + letters


def _body(
    description: Description, terminal: TerminalStyle, layout: MatrixLayout, style: NumberStyle, band: range
) -> Iterator[Text]:
    sections = description.sections()
    for title, rows in sections:
        if len(sections) > 1:
            rule = layout.label_width + 1 + layout.cell_width * len(band)
            yield Text(elide(f"{title.lower()} ", rule).ljust(rule, "┄"), style="dim")
        for row in rows:
            unit = description.inputs[row]
            label = elide(unit.label, layout.label_width)
            line = Text(" " * (layout.label_width - cells(label)))
            line.append(isolate(label), style="dim" if unit.token.special else "")
            line.append(" ")
            for column in band:
                _cell(line, description, terminal, layout, style, row, column)
            yield line


def _cell(
    line: Text,
    description: Description,
    terminal: TerminalStyle,
    layout: MatrixLayout,
    style: NumberStyle,
    row: int,
    column: int,
) -> None:
    width = layout.cell_width
    if not description.visible[row, column]:
        line.append(_centred(HIDDEN, width), style="dim")
        return
    value = float(description.scores[row, column])
    strength = description.strength(value, column)
    if not layout.numbers:
        plain = "- " if strength <= -FAINT else "  "
        line.append(terminal.mark(strength) if terminal.level == "none" else plain, style=terminal.style(strength))
        return
    mark = terminal.mark(strength)[1] if terminal.level == "none" else ""
    signed = description.words.signed
    number = style.cell(value, width - 1 - cells(mark), plus=signed)
    faint = abs(strength) < FAINT and terminal.level != "none"
    line.append(
        _centred(mark + pad(number, 5 if signed else 4, right=True), width),
        style="dim" if faint else terminal.style(strength),
    )


def _step_scores(
    description: Description, terminal: TerminalStyle, layout: MatrixLayout, band: range
) -> Iterator[Text]:
    if not layout.numbers or not description.step_scores:
        return
    yield Text(" " * (layout.label_width + 1) + "─" * (layout.cell_width * len(band)), style="dim")
    for name, values in description.step_scores.items():
        line = Text(pad(elide(name, layout.label_width), layout.label_width, right=True) + " ", style="dim")
        texts = written(values, layout.cell_width - 1)
        for column in band:
            line.append(_centred(pad(texts[column], 5, right=True), layout.cell_width), style="not dim")
        yield line


def _centred(text: str, width: int) -> str:
    """``text`` in the middle of ``width`` columns, a little to the right if it cannot be exact."""
    text = elide(text, width)
    left = (width - cells(text) + 1) // 2
    return pad(" " * left + isolate(text), width)


def _label_width(description: Description, width: int) -> int:
    labels: Sequence[int] = [cells(description.inputs[row].label) for row in description.seen_rows()]
    names = [cells(name) for name in description.step_scores]
    return max(3, len(style_of(description).note), min(max([*labels, *names], default=3), max(12, width // 5)))
