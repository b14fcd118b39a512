"""The tables of a traced answer, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from wherefrom_viz.console.tables import bar
from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad
from wherefrom_viz.describe.trace import TraceDescription, TraceTable

_BAR = 8


def trace_lines(trace: TraceDescription, width: int) -> Iterator[Text]:
    """Headline and tables, a line per part or sentence; the bar is of the last hop."""
    yield Text(trace.headline)
    for table in trace.tables:
        yield Text()
        yield from _table(table, width)


def _table(table: TraceTable, width: int) -> Iterator[Text]:
    sizes = [max(len(column), 4) for column in table.columns]
    numbers = sum(size + 2 for size in sizes) + _BAR + 2
    longest = max((cells(row.label) for row in table.rows), default=0)
    label_width = max(12, min(max(longest, 12), width - numbers))
    yield Text(elide(table.title, width), style="bold")
    head = Text(" " * label_width, style="dim")
    for column, size in zip(table.columns, sizes, strict=True):
        head.append("  " + pad(column, size, right=True))
    yield head
    for row in table.rows:
        label = elide(row.label, label_width)
        line = Text(isolate(label) + " " * (label_width - cells(label)))
        for value, size in zip(row.values, sizes, strict=True):
            line.append("  " + pad(f"{value:.0%}" if value >= 0.005 else "·", size, right=True))
        if line.cell_len + _BAR + 2 <= width:
            line.append("  " + bar(min(row.values[-1], 1.0), _BAR), style="cyan")
        yield line
