"""Two attributions in the terminal: what each found strongest, how far they agree, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field, frozen
from rich.console import Console, ConsoleOptions
from rich.jupyter import JupyterMixin
from rich.text import Text

from wherefrom_viz.colours import Palette, Theme, palette_named
from wherefrom_viz.console.legend import legend
from wherefrom_viz.console.matrix import compact_layout, full_layout, matrix
from wherefrom_viz.console.plain import spelt, whole
from wherefrom_viz.console.terminal_style import TerminalStyle, terminal_style_for
from wherefrom_viz.describe.comparison import Comparison
from wherefrom_viz.describe.description import Description, style_of
from wherefrom_viz.describe.numbers import NumberStyle
from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad


@frozen(kw_only=True, eq=False)
class CompareView(JupyterMixin):
    """A Rich renderable of one comparison, in notebooks too."""

    comparison: Comparison
    palette: Palette = field(factory=lambda: palette_named("red-blue"))
    theme: Theme | None = None
    top: int = 4

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        terminal = terminal_style_for(console, self.palette, self.theme)
        for line in spelt(self, options).lines(terminal, options.max_width):
            yield whole(line, options)

    def lines(self, terminal: TerminalStyle, width: int) -> Iterator[Text]:
        """The lines at ``width`` columns."""
        pair = self.comparison
        for name, half in (("A", pair.a), ("B", pair.b)):
            yield Text(f"{name}  ", style="bold").append(
                elide(" · ".join(part for part in (half.subtitle, half.title) if part), width - 3), style="not bold"
            )
        yield Text(f"rank agreement {_number(pair.mean_agreement)} (mean of steps; 1 same order, 0 unrelated)")
        yield Text()
        style = style_of(pair.a, pair.b)
        if style.note:
            yield Text(style.heading("strongest inputs"), style="bold")
        token_width = min(max(cells(step.label) for step in pair.a.steps), max(8, width // 5))
        for column, step in enumerate(pair.a.steps):
            label = elide(step.label, token_width)
            first = Text(isolate(label) + " " * (token_width - cells(label)), style="bold")
            first.append("  " + pad(_number(float(pair.agreement[column])), 5, right=True), style="not bold")
            _strongest(first, "A", pair.a, column, style, terminal, width, self.top)
            yield first
            second = Text(" " * (token_width + 7))
            _strongest(second, "B", pair.b, column, style, terminal, width, self.top)
            yield second
        yield Text()
        yield Text(style_of(pair.difference).heading("A - B"), style="bold")
        layout = full_layout(pair.difference, terminal, width) or compact_layout(pair.difference, width)
        yield from matrix(pair.difference, terminal, layout)
        yield Text()
        left_out = any(one.omits_special() for one in (pair.a, pair.b, pair.difference))
        yield from legend(pair.difference, terminal, width, left_out=left_out)


def _strongest(
    line: Text,
    name: str,
    half: Description,
    column: int,
    style: NumberStyle,
    terminal: TerminalStyle,
    width: int,
    count: int,
) -> None:
    line.append(f"  {name}", style="not bold dim")
    for row, score in half.top([column], count):
        shown, number = elide(half.inputs[row].label, 14), style(score, plus=half.words.signed)
        if line.cell_len + 4 + cells(shown) + len(number) > width:
            break
        line.append("  ")
        line.append(f" {isolate(shown)} ", style=terminal.style(half.strength(score, column)))
        line.append(number, style="not bold" if terminal.level == "none" else "not bold dim")


def _number(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2f}"
