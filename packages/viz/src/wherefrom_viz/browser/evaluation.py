"""An evaluation in the terminal browser: a table per way of removal, and the curves of the chosen method."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Footer, Static
from wherefrom.evaluation import Evaluation

from wherefrom_viz.console.plot import plots
from wherefrom_viz.describe.evaluation import LEGEND, SIDES, Row, describe_evaluation

RANDOM = "random"


class EvaluationBrowser(App[None]):
    """Looks through one evaluation.

    Args:
        evaluation: What was measured.
    """

    TITLE = "wherefrom"
    CSS = """
    #head { padding: 0 1; height: auto; }
    #table { width: 2fr; }
    #side { width: 1fr; min-width: 34; padding: 0 1; }
    #curve { height: auto; color: $accent; }
    #detail { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("r", "next_removal", "next removal"),
        ("q", "quit", "quit"),
    ]

    def __init__(self, evaluation: Evaluation) -> None:
        super().__init__()
        self.description = describe_evaluation(evaluation)
        self.place = 0

    def compose(self) -> ComposeResult:
        """A head, the table, and what is known of the row that is chosen."""
        yield Static(id="head", markup=False)
        with Horizontal():
            yield DataTable(id="table", cursor_type="row", zebra_stripes=True)
            with Vertical(id="side"):
                yield Static(id="detail", markup=False)
                yield Static(id="curve", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Show the first way of removal."""
        self._show()

    def action_next_removal(self) -> None:
        """The next way of removal, round and round."""
        self.place = (self.place + 1) % max(1, len(self.description.tables))
        self._show()

    @on(DataTable.RowHighlighted)
    def _chosen(self, event: DataTable.RowHighlighted) -> None:
        self._show_row(event.cursor_row)

    def _show(self) -> None:
        head, table = self.query_one("#head", Static), self.query_one("#table", DataTable)
        table.clear(columns=True)
        if not self.description.tables:
            head.update("There are no numbers in this evaluation.")
            return
        shown = self.description.tables[self.place]
        removal = f"without units: {shown.removal}" if shown.removal else "nothing removed"
        head.update(f"{self.description.title}  {self.description.subtitle}\n{removal}")
        table.add_columns("method", *(column.title for column in shown.columns))
        for row in shown.rows:
            cells = [
                Text(f"{cell.text}{'*' if cell.better else ' '}", style="bold" if cell.better else "", justify="right")
                for cell in row.cells
            ]
            table.add_row(Text(row.name, style="dim" if row.ordering else ""), *cells)
        self._show_row(0)

    def _show_row(self, index: int) -> None:
        shown = self.description.tables[self.place]
        if not 0 <= index < len(shown.rows):
            return
        row = shown.rows[index]
        self.query_one("#detail", Static).update(_details(row, [column.title for column in shown.columns]))
        self.query_one("#curve", Static).update(self._curve(row.name, shown.removal))

    def _curve(self, method: str, removal: str) -> str:
        curves = {one.method: one for one in self.description.curves_of(removal)}
        if method not in curves:
            return ""
        one = curves[method]
        drawn: dict[str, tuple[float, ...]] = dict(zip(SIDES, (one.most_first, one.least_first), strict=True))
        if RANDOM in curves and method != RANDOM:
            drawn["random order"] = curves[RANDOM].most_first
        lines = ["", "log-probability as units go, on one scale"]
        for name, found in zip(drawn, plots(list(drawn.values()), 30, 3), strict=True):
            lines += [f"{name}, down to {found.lowest}", *found.rows]
        return "\n".join([*lines, "0 %" + " " * 24 + "all"])


def _details(row: Row, titles: list[str]) -> str:
    lines = [f"{title}: {cell.text}  {cell.detail}" for title, cell in zip(titles, row.cells, strict=True)]
    return "\n".join([row.name, "", *lines, "", LEGEND])
