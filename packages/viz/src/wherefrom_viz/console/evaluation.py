"""An evaluation in the terminal: a table per way of removal, its curves, and how stable the order is."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.jupyter import JupyterMixin
from rich.table import Table as RichTable
from rich.text import Text
from wherefrom.evaluation import Evaluation

from wherefrom_viz.console.plain import marked, spelt, whole
from wherefrom_viz.console.plot import plot
from wherefrom_viz.describe.evaluation import LEGEND, EvaluationDescription, Table, describe_evaluation
from wherefrom_viz.describe.text_marks import cells, elide, pad

CURVE_WIDTH, CURVE_HEIGHT = 24, 3


class EvaluationView(JupyterMixin):
    """Draws an evaluation. A Rich renderable, in notebooks too."""

    def __init__(self, evaluation: Evaluation, *, curves: bool = True) -> None:
        self.description = describe_evaluation(evaluation)
        self.curves = curves

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for part in self._parts(spelt(self.description, options), options):
            yield whole(part, options) if isinstance(part, Text) else part

    def _parts(self, shown: EvaluationDescription, options: ConsoleOptions) -> Iterator[Text | RichTable]:
        yield Text.assemble((shown.title, "bold"), (f"  {shown.subtitle}", "dim"))
        for table in shown.tables:
            yield Text()
            yield Text(f"without units: {table.removal}" if table.removal else "nothing removed", style="bold")
            yield table_of(table, options)
            if self.curves:
                yield from curves_of(shown, table.removal, options.max_width)
        if shown.tables:
            yield Text(LEGEND, style="dim")
        yield from _halves(shown)
        yield from _agreement(shown, options)
        for note in shown.notes:
            yield Text(f"note: {note}", style="dim")


def table_of(table: Table, options: ConsoleOptions) -> RichTable:
    """Method by metric; orderings stand below the methods, dim."""
    drawn = RichTable(box=None, pad_edge=False)
    drawn.add_column("method", no_wrap=True)
    for column in table.columns:
        drawn.add_column(marked(Text(column.title), options), justify="right")
    for row in table.rows:
        texts = [
            marked(Text(f"{cell.text}{'*' if cell.better else ' '}", style="bold" if cell.better else ""), options)
            for cell in row.cells
        ]
        drawn.add_row(Text(row.name), *texts, style="dim" if row.ordering else "")
    return drawn


def curves_of(shown: EvaluationDescription, removal: str, width: int) -> Iterator[Text]:
    """Both curves of each method, drawn small: what is left as more units go."""
    found = shown.curves_of(removal)
    if not found:
        return
    yield Text()
    yield Text("log-probability as units go, the most relevant first (lower line is steeper) and last", style="dim")
    longest = min(max(cells(one.method) for one in found), max(12, width - CURVE_WIDTH - 14))
    for one in found:
        lines = plot([one.most_first, one.least_first], CURVE_WIDTH, CURVE_HEIGHT)
        for place, line in enumerate(lines):
            label = elide(one.method, longest) if place == CURVE_HEIGHT // 2 else ""
            drawn = Text(pad(label, longest) + "  ")
            drawn.append(line, style="cyan")
            if place == CURVE_HEIGHT - 1:
                drawn.append(f"  {min(one.most_first):.2f}", style="dim")
            yield drawn


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


def _agreement(shown: EvaluationDescription, options: ConsoleOptions) -> Iterator[Text | RichTable]:
    if not shown.agreement:
        return
    cells = shown.agreement_rows()
    drawn = RichTable(box=None, pad_edge=False)
    drawn.add_column("", no_wrap=True)
    for number in range(1, len(cells) + 1):
        drawn.add_column(str(number), justify="right")
    for number, (name, row) in enumerate(cells.items(), start=1):
        drawn.add_row(f"{number} {name}", *(marked(Text(value), options) for value in row))
    yield Text()
    yield Text("Do methods agree? Rank correlation of their scores", style="bold")
    yield drawn


def evaluation_view(evaluation: Evaluation, *, curves: bool = True) -> EvaluationView:
    """An evaluation as a Rich renderable.

    Args:
        curves: Draw the perturbation curves too?
    """
    return EvaluationView(evaluation, curves=curves)
