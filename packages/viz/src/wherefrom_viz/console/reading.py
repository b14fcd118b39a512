"""Scores as running text: what was read, shaded by how much it mattered to one token of the output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rich.text import Text

from wherefrom_viz.console.terminal_style import TerminalStyle
from wherefrom_viz.describe.description import Description, Unit, style_of
from wherefrom_viz.describe.numbers import NumberStyle, short, step_score
from wherefrom_viz.describe.running_text import WrapAfter, highlights, line_ends, line_parts
from wherefrom_viz.describe.text_marks import cells, elide, graphemes, isolate

MOST_STEPS = 12
"""Up to so many steps are read one by one; longer outputs are summed."""
_LONGEST_FLOW = 160
"""Units of text above which stretches without influence are left out."""
_KEPT = 0.12
"""Share of the scale from which a unit of a long text is kept, with its neighbours."""
_SPOKEN = 0.2
"""Share of the scale from which a number is written where there is no colour."""


def reading(
    description: Description,
    terminal: TerminalStyle,
    width: int,
    groups: Sequence[Sequence[int]],
    wrap_after: WrapAfter = None,
    highlight: str | None = None,
) -> Iterator[Text]:
    """Each chosen step with the text before it, shaded.

    Args:
        description: What to draw.
        terminal: What the terminal can show.
        width: Columns to stay within.
        groups: Steps to read, those together that are summed; see `columns_read`.
        wrap_after: Where lines end; see `line_ends`.
        highlight: A step score that shades the output, which then comes first.
    """
    if highlight is not None:
        yield from _output(description, terminal, width, wrap_after, highlight)
    for group in groups:
        style = style_of(description, columns=group)
        if len(group) > 1:
            bound = description.bound_of(group)
            whole = "all " if len(group) == len(description.steps) else ""
            together = f"{whole}{len(group)} outputs together"
            if terminal.level == "none":
                together = style.heading(together)
            yield Text(together, style="bold").append(f"   strongest colour: {short(bound)}", style="not bold dim")
            yield from _texts(description, terminal, width, group, style, wrap_after)
        else:
            line = _step_line(description, group[0])
            note = style.note if terminal.level == "none" else ""
            yield line.append(f"   numbers {note}", style="dim") if note else line
            yield from _texts(description, terminal, width, group, style, wrap_after)
            yield Text()


def columns_read(
    description: Description, columns: Sequence[int] | None = None, *, together: bool = False
) -> list[list[int]]:
    """The outputs that are read, those together that are summed.

    Args:
        description: Of what.
        columns: Which outputs; None takes all if they are few, else their sum.
        together: Sum those of ``columns``, too.
    """
    everything = list(range(len(description.steps)))
    if columns is None and len(everything) > MOST_STEPS:
        return [everything]
    if columns is not None and together:
        return [list(columns)]
    return [[column] for column in (everything if columns is None else columns)]


def _output(
    description: Description, terminal: TerminalStyle, width: int, wrap_after: WrapAfter, highlight: str
) -> Iterator[Text]:
    """The output, shaded by a step score; with its numbers where there is no colour."""
    strengths = highlights(description, highlight)
    ends = line_ends(description.steps, wrap_after)
    yield Text(f"the output, shaded by {highlight}", style="bold")
    paragraph = Text()
    numbers: list[Spoken] = []
    for place, unit in enumerate(description.steps):
        said = f"[{step_score(float(description.step_scores[highlight][place]))}]" if terminal.level == "none" else ""
        numbers += _append(paragraph, unit, terminal, float(strengths[place]), said)
        if place in ends:
            _end_line(paragraph)
    yield from _wrapped(paragraph, width, numbers)
    yield Text()


def _step_line(description: Description, column: int) -> Text:
    line = Text("→ ", style="dim")
    line.append(
        isolate(elide(description.steps[column].label, 40)),
        style="dim" if description.fading(column) < 1.0 else "bold not dim",
    )
    for name, values in description.step_scores.items():
        line.append(f"   {name} {step_score(float(values[column]))}", style="dim")
    return line


def _texts(
    description: Description,
    terminal: TerminalStyle,
    width: int,
    columns: Sequence[int],
    style: NumberStyle,
    wrap_after: WrapAfter = None,
) -> Iterator[Text]:
    """One paragraph per side."""
    scores = description.scores[:, columns].sum(axis=1)
    seen = np.asarray(description.visible[:, columns].any(axis=1))
    shares, faded = description.strengths(columns), description.fading(*columns)
    for side in description.sides:
        rows = [row for row in range(side.start, side.end) if seen[row]]
        if not rows:
            continue
        paragraph = Text()
        if len(description.sides) > 1:
            paragraph.append(f"{side.title.lower()}: ", style="dim")
        strengths = {row: float(shares[row]) for row in rows}
        ends = line_ends([description.inputs[row] for row in rows], wrap_after)
        numbers = _flow(paragraph, description, terminal, scores, strengths, faded, style, ends)
        yield from _wrapped(paragraph, width, numbers)


Spoken: TypeAlias = tuple[int, int, int]
"""Where in a paragraph a unit with a number begins, where its number does, and where that ends."""


def _wrapped(paragraph: Text, width: int, numbers: Sequence[Spoken] = ()) -> Iterator[Text]:
    if paragraph.plain.endswith("\n"):
        paragraph.right_crop(1)
    room, before = max(8, width - 2), 0
    for whole in paragraph.split(allow_blank=True):
        inside = [(unit - before, number - before, end - before) for unit, number, end in numbers]
        for line in whole.divide(_line_starts(whole.plain, room, inside)):
            line.rstrip_end(room)
            yield Text("  ").append_text(line)
        before += len(whole) + 1


def _line_starts(text: str, room: int, numbers: Sequence[Spoken]) -> list[int]:
    """Where lines begin: with words, and inside of words that are longer than a line, but never inside a number."""
    ends = {unit: end for unit, _, end in numbers} | {number: end for _, number, end in numbers}
    starts: list[int] = []
    used = 0
    for word in re.finditer(r"\s*\S+\s*", text):
        at, size = word.start(), cells(word[0].rstrip())
        if used + size > room and used:
            starts.append(at)
            used = 0
        if size <= room:
            used += cells(word[0])
            continue
        while at < word.end():
            end = ends.get(at, at)
            if not at < end <= word.end() or cells(text[at:end]) > room:
                end = at + len(next(graphemes(text[at : word.end()])))
            if used + cells(text[at:end]) > room and used:
                starts.append(at)
                used = 0
            used += cells(text[at:end])
            at = end
    return starts


def _flow(
    paragraph: Text,
    description: Description,
    terminal: TerminalStyle,
    scores: npt.NDArray[np.float64],
    strengths: dict[int, float],
    faded: float,
    style: NumberStyle,
    ends: frozenset[int],
) -> list[Spoken]:
    """Append the units, and tell where numbers are; ``faded`` is in the strengths, but hides nothing."""
    numbers: list[Spoken] = []
    rows = list(strengths)
    kept = _kept(rows, strengths, _KEPT * faded)
    skipped = 0
    for place, row in enumerate(rows):
        if place not in kept:
            skipped += 1
            continue
        if skipped:
            paragraph.append(f" …{skipped} more… ", style="dim")
            skipped = 0
        unit, strength = description.inputs[row], strengths[row]
        spoken = terminal.level == "none" and abs(strength) >= _SPOKEN * faded
        said = f"[{style(scores[row], plus=description.words.signed)}]" if spoken else ""
        numbers += _append(paragraph, unit, terminal, strength, said)
        if place in ends:
            _end_line(paragraph)
    if skipped:
        paragraph.append(f" …{skipped} more…", style="dim")
    return numbers


def _append(paragraph: Text, unit: Unit, terminal: TerminalStyle, strength: float, said: str = "") -> list[Spoken]:
    """A unit, and what is said after it, before a new line begins; where that is."""
    numbers: list[Spoken] = []
    parts = line_parts(unit.text, unit.space_before)
    for part in parts:
        if part.spaced and not (paragraph.plain[-1:] or " ").isspace():
            paragraph.append(" ")
        begin = len(paragraph)
        paragraph.append(isolate(part.text), style=terminal.style(strength))
        if part is parts[-1] and said:
            numbers.append((begin, len(paragraph), len(paragraph) + len(said)))
            paragraph.append(said)
        if part.ends:
            _end_line(paragraph)
    return numbers


def _end_line(paragraph: Text) -> None:
    """A new line, unless one has just begun."""
    if not paragraph.plain.endswith("\n"):
        paragraph.append("\n")


def _kept(rows: list[int], strengths: dict[int, float], least: float) -> set[int]:
    """Places to print: all of a short text, else the ends and the neighbourhoods of what has the strength ``least``."""
    if len(rows) <= _LONGEST_FLOW:
        return set(range(len(rows)))
    kept = set(range(8)) | set(range(len(rows) - 24, len(rows)))
    strongest = sorted(range(len(rows)), key=lambda place: -abs(strengths[rows[place]]))[:24]
    for place in strongest:
        if abs(strengths[rows[place]]) >= least:
            kept |= set(range(max(0, place - 4), min(len(rows), place + 5)))
    return kept
