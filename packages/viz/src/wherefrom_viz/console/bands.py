"""Names by numbers: as many columns side by side as fit, the next ones in a table below. No number is ever cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen
from rich.text import Text

from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad

_GAP = 2
"""Columns between two numbers."""


@frozen(kw_only=True, eq=False)
class NamedRow:
    """A name and its numbers, as they are written."""

    name: str
    numbers: Sequence[Text]
    style: str = ""


def bands(corner: str, heads: Sequence[str], rows: Sequence[NamedRow], width: int) -> Iterator[Text]:
    """The lines of the tables. Names and heads are cut where the width does not do.

    Args:
        corner: Stands above the names.
        heads: Stand above the numbers, of which each row has as many.
        width: Columns of the terminal. Numbers that are wider are not cut.
    """
    widest = [max((row.numbers[place].cell_len for row in rows), default=1) for place in range(len(heads))]
    longest = max(cells(name) for name in (corner, *(row.name for row in rows)))
    named = max(1, min(longest, max(width // 2, cells(corner)), width - _GAP - max(widest, default=0)))
    room = width - named
    widths = [max(least, min(cells(head), room - _GAP)) for least, head in zip(widest, heads, strict=True)]
    for band in _bands(widths, room):
        if band.start:
            yield Text()
        head = Text(_named(corner, named), style="bold")
        for place in band:
            head.append(" " * _GAP + pad(elide(heads[place], widths[place]), widths[place], right=True))
        yield head
        for row in rows:
            line = Text(_named(row.name, named), style=row.style)
            for place in band:
                number = row.numbers[place]
                line.append(" " * (_GAP + widths[place] - number.cell_len)).append_text(number)
            yield line


def _named(name: str, width: int) -> str:
    shown = elide(name, width)
    return isolate(shown) + " " * (width - cells(shown))


def _bands(widths: Sequence[int], room: int) -> Iterator[range]:
    """Which columns stand side by side; one at least."""
    start = taken = 0
    for place, width in enumerate(widths):
        taken += _GAP + width
        if taken > room and place > start:
            yield range(start, place)
            start, taken = place, _GAP + width
    if widths:
        yield range(start, len(widths))
