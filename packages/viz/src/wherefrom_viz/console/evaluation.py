"""An evaluation in the terminal: a table per way of removal, its curves, and how stable the order is."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.jupyter import JupyterMixin
from rich.text import Text
from wherefrom.evaluation import Evaluation

from wherefrom_viz.console.bands import NamedRow, bands
from wherefrom_viz.console.plain import spelt, whole
from wherefrom_viz.console.plot import plots
from wherefrom_viz.describe.evaluation import LEGEND, SIDES, EvaluationDescription, Table, describe_evaluation
from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad

CURVE_WIDTH, CURVE_HEIGHT = 24, 3
NARROWEST = 4
"""Columns without which a curve says nothing."""


class EvaluationView(JupyterMixin):
    """Draws an evaluation. A Rich renderable, in notebooks too."""

    def __init__(self, evaluation: Evaluation, *, curves: bool = True) -> None:
        self.description = describe_evaluation(evaluation)
        self.curves = curves

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for part in self._parts(spelt(self.description, options), options.max_width):
            yield whole(part, options)

    def _parts(self, shown: EvaluationDescription, width: int) -> Iterator[Text]:
        yield Text.assemble((shown.title, "bold"), (f"  {shown.subtitle}", "dim"))
        for table in shown.tables:
            yield Text()
            yield Text(f"without units: {table.removal}" if table.removal else "nothing removed", style="bold")
            yield from table_of(table, width)
            if self.curves:
                yield from curves_of(shown, table.removal, width)
        if shown.tables:
            yield Text(LEGEND, style="dim")
        yield from _halves(shown)
        yield from _agreement(shown, width)
        for note in shown.notes:
            yield Text(f"note: {note}", style="dim")


def table_of(table: Table, width: int) -> Iterator[Text]:
    """Method by metric; orderings stand below the methods, dim."""
    rows = [
        NamedRow(
            name=row.name,
            numbers=[
                Text(f"{cell.text}{'*' if cell.better else ' '}", style="bold" if cell.better else "")
                for cell in row.cells
            ],
            style="dim" if row.ordering else "",
        )
        for row in table.rows
    ]
    yield from bands("method", [column.title for column in table.columns], rows, width)


def curves_of(shown: EvaluationDescription, removal: str, width: int) -> Iterator[Text]:
    """Both curves of each method, drawn small beside each other: what is left as more units go."""
    found = shown.curves_of(removal)
    if not found:
        return
    pairs = [[one.most_first, one.least_first] for one in found]
    label = max(cells(half.lowest) for pair in pairs for half in plots(pair, 1, 1))
    names = max(cells(one.method) for one in found)
    longest = max(1, min(names, max(12, width - 2 * (4 + label + CURVE_WIDTH))))
    room = min(CURVE_WIDTH, (width - longest) // 2 - 4 - label)
    yield Text()
    if room < NARROWEST:
        yield Text("not shown for lack of width: curves", style="dim")
        return
    yield Text(f"log-probability as units go, with its lowest value: {', '.join(SIDES)}", style="dim")
    for one, lines in zip(found, pairs, strict=True):
        pair = plots(lines, room, CURVE_HEIGHT)
        for place in range(CURVE_HEIGHT):
            name = elide(one.method, longest) if place == CURVE_HEIGHT // 2 else ""
            line = Text(isolate(name) + " " * (longest - cells(name)))
            for half in pair:
                line.append("  " + half.rows[place], style="cyan")
                line.append("  " + pad(half.lowest if place == half.lowest_row else "", label), style="dim")
            line.rstrip()
            yield line


def _halves(shown: EvaluationDescription) -> Iterator[Text]:
    if not shown.halves:
        return
    yield Text()
    yield Text("Would other examples give the same order? Rank correlation of random halves", style="bold")
    for one in shown.halves:
        where = f" ({one.removal})" if one.removal else ""
        yield Text(
            f"{one.metric}{where}: {one.mean:.2f}, in 95 of 100 splits above {one.low:.2f}; the same best method in "
            f"{100 * (one.same_best or 0):.0f} % of splits"
        )


def _agreement(shown: EvaluationDescription, width: int) -> Iterator[Text]:
    if not shown.agreement:
        return
    found = shown.agreement_rows()
    yield Text()
    yield Text("Do methods agree? Rank correlation of their scores", style="bold")
    rows = [
        NamedRow(name=f"{number} {name}", numbers=[Text(value) for value in row])
        for number, (name, row) in enumerate(found.items(), start=1)
    ]
    yield from bands("", [str(number) for number in range(1, len(found) + 1)], rows, width)


def evaluation_view(evaluation: Evaluation, *, curves: bool = True) -> EvaluationView:
    """An evaluation as a Rich renderable.

    Args:
        curves: Draw the perturbation curves too?
    """
    return EvaluationView(evaluation, curves=curves)
