"""One example: reading view, matrix, steps, with a sparkline and the strongest inputs, on one cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import ContentSwitcher, Footer, Input, Static
from wherefrom.errors import WherefromError
from wherefrom.results.attribution import Attribution

from wherefrom_viz.browser.drawing import (
    Drawing,
    pictured,
)
from wherefrom_viz.browser.exporting import text_of
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.keymap import bindings
from wherefrom_viz.browser.reading_layout import rows_of_steps
from wherefrom_viz.browser.screens.looking import LookingScreen
from wherefrom_viz.browser.widgets.filter_bar import FilterBar
from wherefrom_viz.browser.widgets.legend_line import LegendLine, PipelineLine
from wherefrom_viz.browser.widgets.matrix_view import MatrixView
from wherefrom_viz.browser.widgets.picture_view import PictureView
from wherefrom_viz.browser.widgets.reading_view import ReadingView
from wherefrom_viz.browser.widgets.sparkline import StepSparkline
from wherefrom_viz.browser.widgets.splitter import Splitter
from wherefrom_viz.browser.widgets.steps_view import StepsView
from wherefrom_viz.browser.widgets.tab_line import TabLine
from wherefrom_viz.browser.widgets.top_inputs import TopInputs
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.text_marks import visible

if TYPE_CHECKING:
    pass

CARD_FROM = 100
"""Window width from which the strongest inputs have a card of their own."""


class DetailScreen(LookingScreen):
    """An example of the library."""

    BINDINGS = bindings("detail", ("enter", "granularity", "compare_marked", "export", "back", "help"))
    AUTO_FOCUS = ""

    def __init__(self, key: int, tab: str = "read") -> None:
        super().__init__()
        self.key = key
        self.tab = tab
        self.looking = Focus()
        self.picture: Description | None = None
        self._example: Attribution | None = None
        self._matches: list[tuple[str, int]] = []
        self._match = -1
        self._drawn_as: tuple[Drawing, str] | None = None

    def turn_to(self, key: int, tab: str) -> None:
        """Look at another example from now on, in one of the views."""
        self.tab = tab
        self._close_search()
        self._forget()
        self.query_one("#views", ContentSwitcher).current = tab
        self.query_one(TabLine).show(tab)
        self._open(key)
        self._title()

    def _forget(self) -> None:
        """Nothing of the example before is seen while another one is read, or cannot be."""
        self._example = self.picture = None
        for view in self.query(PictureView):
            view.clear()
        self.query_one(StepSparkline).clear()
        for line in ("#card", "#top", "#legend", "#pipeline"):
            self.query_one(line, Static).update("")

    def compose(self) -> ComposeResult:
        """Title, tabs, sparkline, views, card, legend, pipeline, keys."""
        yield Static("", id="title", markup=False)
        yield TabLine(id="tabs")
        yield StepSparkline(id="sparkline")
        yield FilterBar(id="filter", classes="search")
        with Horizontal(id="main"):
            with ContentSwitcher(initial=self.tab, id="views"):
                yield ReadingView(id="read")
                yield MatrixView(id="matrix")
                yield StepsView(id="steps")
            yield Splitter("card", percent=self.browser.panes.get("card", 0), upright=True)
            yield TopInputs("", id="card", markup=False)
        yield TopInputs("", id="top", markup=False)
        yield LegendLine("", id="legend", markup=False)
        yield PipelineLine("", id="pipeline", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Read the example."""
        self.query_one(TabLine).show(self.tab)
        self._title()
        self._arrange_for(self.size.width)
        self.call_after_refresh(self._open, self.key)

    def on_resize(self, event: events.Resize) -> None:
        """Wide windows have a card at the side."""
        self._arrange_for(event.size.width)
        self.call_after_refresh(self.draw)

    def _arrange_for(self, width: int) -> None:
        self.set_class(width >= CARD_FROM, "wide")

    def on_screen_resume(self) -> None:
        """The theme may have changed meanwhile."""
        if self.picture is not None and self._drawn_as != (self.browser.drawing, self.app.theme):
            self.redraw()

    @property
    def linked(self) -> Description | None:
        """The picture of the example."""
        return self.picture

    @property
    def views(self) -> list[PictureView]:
        """The view that is seen."""
        return [self.view]

    @property
    def view(self) -> PictureView:
        """The view that is seen."""
        return self.query_one(f"#{self.tab}", PictureView)

    # the example

    def _open(self, key: int) -> None:
        self.key = key
        self.browser.load([key], self._loaded, self._unreadable)

    def _loaded(self, keys: list[int], examples: list[Attribution]) -> None:
        if keys[0] != self.key or not self.is_mounted:
            return
        self._example = examples[0]
        self.looking = Focus()
        self.redraw()
        self.view.focus()

    def _unreadable(self, keys: list[int], why: str) -> None:
        if keys[0] != self.key:
            return
        self._forget()
        text = Text(f" ! This example cannot be read: {visible(why)}", style="bold red")
        self.query_one("#top", TopInputs).update(text)
        self.query_one("#card", TopInputs).update(text)
        self._title()

    def redraw(self) -> None:
        """Make the picture anew from the stored scores."""
        if self._example is None:
            return
        before = self.picture
        try:
            self.picture = pictured(self._example, self.browser.library.provenance(self.key), self.browser.drawing)
        except WherefromError as error:
            self._unreadable([self.key], str(error))
            return
        self.looking = _carried(self.looking, before, self.picture)
        self._title()
        self.draw()

    def draw(self) -> None:
        """Draw what the cursor changed."""
        picture, drawing = self.picture, self.browser.drawing
        if picture is None:
            return
        brush = self.browser.brush()
        self._drawn_as = (drawing, self.app.theme)
        self.view.show(picture, self.looking, drawing, brush)
        self.query_one(StepSparkline).show(picture, self.looking.column, drawing.metric)
        self.query_one("#card", TopInputs).show(picture, self.looking, drawing, brush, card=True)
        self.query_one("#top", TopInputs).show(picture, self.looking, drawing, brush, card=False)
        self.query_one(LegendLine).show(picture, drawing, brush)
        place = f"output {self.looking.column + 1} of {len(picture.steps)}" if picture.steps else "no output"
        if self.looking.pinned:
            place = f"{len(self.looking.pinned)} pinned · {place}"
        self.query_one(PipelineLine).show(picture, drawing, place)

    def _title(self) -> None:
        library = self.browser.library
        marked = "● " if self.key in self.browser.marks else ""
        text = Text(no_wrap=True, overflow="ellipsis").append(" wherefrom ", style="bold reverse")
        text.append(f"  {marked}{visible(library.title(self.key))}", style="bold")
        about = visible(self.picture.subtitle) if self.picture is not None else ""
        if len(library.sources) > 1:
            about = f"{library.source_name(self.key)} · {about}"
        text.append(f"  {about}", style="dim")
        self.query_one("#title", Static).update(text)

    # keys

    def action_tab(self, name: str) -> None:
        """Another view of the same example."""
        if name == "compare":
            self.browser.compare(self.key)
            return
        self.tab = name
        if name != "matrix":
            self.looking = evolve(self.looking, row=None)
        self.query_one("#views", ContentSwitcher).current = name
        self.query_one(TabLine).show(name)
        self.draw()
        self.view.focus()

    def action_back(self) -> None:
        """Close the search; unpin; go back."""
        if self.query_one(FilterBar).has_class("used"):
            self._close_search()
            self.view.focus()
        else:
            super().action_back()

    def action_example(self, by: int) -> None:
        """The next example of the list, or the one before."""
        key = self.browser.example_after(self.key, by)
        if key is None:
            self.notify("That was the last one." if by > 0 else "This is the first one.", timeout=1.5)
        else:
            self._open(key)

    def action_search(self) -> None:
        """Search the tokens of this example."""
        self.query_one(FilterBar).open("search in this example")

    def _close_search(self) -> None:
        self.query_one(FilterBar).close()
        self._matches, self._match = [], -1

    @on(Input.Changed, "#expression")
    def _searched(self, event: Input.Changed) -> None:
        wanted = event.value.strip().casefold()
        self._matches, self._match = [], -1
        bar = self.query_one(FilterBar)
        if not wanted or self.picture is None:
            bar.complain("")
            return
        picture = self.picture
        own = set(rows_of_steps(picture).values())
        rows = [row for row, unit in enumerate(picture.inputs) if row not in own and wanted in unit.label.casefold()]
        columns = [column for column, unit in enumerate(picture.steps) if wanted in unit.label.casefold()]
        self._matches = [*(("row", row) for row in rows), *(("column", column) for column in columns)]
        bar.complain("" if self._matches else "not found in this example")
        if self._matches:
            self.action_next_match()

    @on(Input.Submitted, "#expression")
    def _search_done(self) -> None:
        self.view.focus()

    def action_next_match(self, by: int = 1) -> None:
        """Go to the next place that was found."""
        if not self._matches:
            return
        self._match = (self._match + by) % len(self._matches)
        kind, place = self._matches[self._match]
        self.look(evolve(self.looking, row=place) if kind == "row" else evolve(self.looking, column=place, row=None))

    def action_previous_match(self) -> None:
        """Go to the place found before."""
        self.action_next_match(-1)

    def action_normalization(self) -> None:
        """The next normalisation; while searching, the next match."""
        if self._matches:
            self.action_next_match()
        else:
            super().action_normalization()

    def action_metric(self) -> None:
        """Another step score in the sparkline."""
        names = list(self.picture.step_scores) if self.picture is not None else []
        if not names:
            self.notify("There are no step scores in this file.", timeout=2)
            return
        metric = self.query_one(StepSparkline).metric
        place = names.index(metric) if metric in names else -1
        self.browser.drawing = evolve(self.browser.drawing, metric=names[(place + 1) % len(names)])
        self.draw()

    def action_mark(self) -> None:
        """Mark this example, or take the mark away."""
        self.browser.marks ^= {self.key}
        self._title()

    def action_compare_marked(self) -> None:
        """Compare with the marked example."""
        self.browser.compare(self.key)

    def action_export(self) -> None:
        """Write what is marked, else this example, to a file."""
        self.browser.ask_export(self.key)

    def action_copy(self) -> None:
        """Copy this view as text."""
        if self._example is None:
            return
        columns = self.looking.columns if self.tab == "read" else None
        made = self.browser.library.provenance(self.key)
        self.browser.copy(text_of(self._example, made, self.browser.drawing, self.tab, columns))


def _carried(looking: Focus, before: Description | None, after: Description) -> Focus:
    """The focus, moved to where the same tokens are after units have changed."""
    if before is None or not before.steps or not after.steps or len(before.steps) == len(after.steps):
        return looking.within(after)

    def moved(column: int) -> int:
        position = before.steps[min(column, len(before.steps) - 1)].token.position
        return max(0, sum(1 for step in after.steps if step.token.position <= position) - 1)

    return Focus(column=moved(looking.column), pinned=frozenset(map(moved, looking.pinned)), row=None).within(after)
