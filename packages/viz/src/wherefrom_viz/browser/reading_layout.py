"""Running text cut into lines: which piece of text stands where, and which input or output it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from wherefrom_viz.describe.description import Description, Unit
from wherefrom_viz.describe.running_text import Part, line_parts
from wherefrom_viz.describe.text_marks import cells, elide, isolate


@frozen
class Piece:
    """A unit of text on a line, or the part of it that stands on this line."""

    text: str
    x: int
    """Column where it begins."""
    width: int
    row: int | None = None
    """The input it is."""
    column: int | None = None
    """The output it is."""


@frozen
class Line:
    """One line: a title, or pieces of text with spaces between them."""

    pieces: tuple[Piece, ...] = ()
    title: str = ""


@frozen
class _Item:
    unit: Unit
    row: int | None
    column: int | None


def lay_out(description: Description, width: int) -> tuple[Line, ...]:
    """The inputs, then the outputs, as running text of at most ``width`` columns."""
    lines: list[Line] = []
    for title, items in _blocks(description):
        if lines:
            lines.append(Line())
        lines.append(Line(title=title))
        lines += _wrapped(items, max(width, 4))
    return tuple(lines)


def _blocks(description: Description) -> Iterator[tuple[str, list[_Item]]]:
    if description.context:
        yield "Text before", [_Item(unit, None, None) for unit in description.context]
    source = next((side for side in description.sides if side.name == "source"), None)
    if source is not None:
        yield source.title, [_Item(description.inputs[row], row, None) for row in range(source.start, source.end)]
    prompt = [_Item(description.inputs[row], row, None) for row in description.prompt_rows]
    if source is None and prompt:
        yield "Prompt", prompt
        prompt = []
    rows = description.output_rows
    outputs = [_Item(step, rows.get(column), column) for column, step in enumerate(description.steps)]
    if prompt or outputs:
        yield "Output", [*prompt, *outputs]


def _wrapped(items: Sequence[_Item], width: int) -> Iterator[Line]:
    pieces: list[Piece] = []
    x = 0
    for group in _words(items, width):
        size = sum(cells(part.text) for part, _ in group)
        gap = 1 if group[0][0].spaced and x else 0
        if x and x + gap + size > width and (size <= width or x + gap >= width):
            yield Line(tuple(pieces))
            pieces, x, gap = [], 0, 0
        x += gap
        for part, item in group:
            size = cells(part.text)
            if x and x + size > width:
                yield Line(tuple(pieces))
                pieces, x = [], 0
            pieces.append(Piece(isolate(part.text), x, size, item.row, item.column))
            x += size
            if part.ends:
                yield Line(tuple(pieces))
                pieces, x = [], 0
    if pieces:
        yield Line(tuple(pieces))


def _words(items: Iterable[_Item], width: int) -> Iterator[list[tuple[Part, _Item]]]:
    """What stands together without a space or a line's end."""
    group: list[tuple[Part, _Item]] = []
    for item in items:
        for part in line_parts(elide(item.unit.text, width), item.unit.space_before):
            if group and (part.spaced or group[-1][0].ends):
                yield group
                group = []
            group.append((part, item))
    if group:
        yield group
