"""A list of the pairs of units that interact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from wherefrom_viz.console.terminal_style import TerminalStyle
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import number_style
from wherefrom_viz.describe.text_marks import elide, isolate


def pairs(
    description: Description, terminal: TerminalStyle, width: int, columns: Sequence[int] | None = None, count: int = 5
) -> Iterator[Text]:
    """The ``count`` strongest pairs of the steps together: what both are worth beyond what each is."""
    chosen = range(len(description.steps)) if columns is None else columns
    found = description.top_pairs(chosen, count)
    if not found:
        return
    style, signed = number_style(abs(found[0][2])), description.words.signed
    head = Text("strongest pairs", style="bold")
    head.append("  " + style.heading("+ together more than each alone, - one does for the other" if signed else ""))
    yield head
    numbers = [style(score, plus=signed) for _, _, score in found]
    widest = max(map(len, numbers))
    room = max(6, (width - widest - 8) // 2)
    for (first, second, score), number in zip(found, numbers, strict=True):
        line = Text(" " * (widest - len(number)) + number + "  ")
        strength = score / abs(found[0][2])
        line.append(f" {isolate(elide(first, room))} ", style=terminal.style(strength))
        line.append(" × ")
        line.append(f" {isolate(elide(second, room))} ", style=terminal.style(strength))
        yield line
