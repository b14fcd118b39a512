"""One example: reading view, matrix, steps, with a sparkline and the strongest inputs, on one cursor."""

from __future__ import annotations

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
    described_as,
)
from wherefrom_viz.browser.exporting import text_of
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.messages import ComparisonWanted, CopyWanted, ExportWanted, RemarkWanted
from wherefrom_viz.browser.screens.bindings import bindings
from wherefrom_viz.browser.screens.example import ExampleScreen
from wherefrom_viz.browser.session import Session
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.filter_bar import FilterBar
from wherefrom_viz.browser.widgets.legend_line import LegendLine, PipelineLine
from wherefrom_viz.browser.widgets.matrix_view import MatrixView
from wherefrom_viz.browser.widgets.reading_view import ReadingView
from wherefrom_viz.browser.widgets.sparkline import StepSparkline
from wherefrom_viz.browser.widgets.splitter import Splitter
from wherefrom_viz.browser.widgets.steps_view import StepsView
from wherefrom_viz.browser.widgets.tab_line import TabLine
from wherefrom_viz.browser.widgets.top_inputs import TopInputs
from wherefrom_viz.browser.widgets.trace_view import TraceView
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.running_text import found_in
from wherefrom_viz.describe.text_marks import visible

CARD_FROM = 100
"""Window width from which the strongest inputs have a card of their own."""


class DetailScreen(ExampleScreen):
    """An example of the library."""

    BINDINGS = bindings("detail", ("enter", "granularity", "compare_marked", "export", "back", "help"))
    AUTO_FOCUS = ""

    def __init__(self, session: Session, key: int, tab: str = "read") -> None:
        super().__init__(session)
        self.key = key
        self.tab = tab
        self.looking = Focus()
        self.description: Description | None = None
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
        self._tabs()
        self._open(key)
        self._title()

    def _forget(self) -> None:
        """Nothing of the example before is seen while another one is read, or cannot be."""
        self._example = self.description = None
        for view in self.query(DescriptionView):
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
                yield TraceView(id="trace")
            yield Splitter("card", percent=self.session.panes.get("card", 0), upright=True)
            yield TopInputs("", id="card", markup=False)
        yield TopInputs("", id="top", markup=False)
        yield LegendLine("", id="legend", markup=False)
        yield PipelineLine("", id="pipeline", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Read the example."""
        self._tabs()
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
        if self.description is not None and self._drawn_as != (self.session.drawing, self.app.theme):
            self.redraw()

    @property
    def linked(self) -> Description | None:
        """The description of the example."""
        return self.description

    @property
    def views(self) -> list[DescriptionView]:
        """The view that is seen."""
        return [self.view]

    @property
    def view(self) -> DescriptionView:
        """The view that is seen."""
        return self.query_one(f"#{self.tab}", DescriptionView)

    # the example

    def _open(self, key: int) -> None:
        self.key = key
        self.read_examples([key], self._loaded, self._unreadable)

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
        """Make the description anew from the stored scores."""
        if self._example is None:
            return
        before = self.description
        try:
            self.description = described_as(
                self._example, self.session.library.provenance(self.key), self.session.drawing
            )
        except WherefromError as error:
            self._unreadable([self.key], str(error))
            return
        self.looking = _carried(self.looking, before, self.description)
        self._title()
        self._tabs()
        self.draw()

    def draw(self) -> None:
        """Draw what the cursor changed."""
        description, drawing = self.description, self.session.drawing
        if description is None:
            return
        shades = self.shades_now()
        self._drawn_as = (drawing, self.app.theme)
        self.view.show(description, self.looking, drawing, shades)
        self.query_one(StepSparkline).show(description, self.looking.column, drawing.metric)
        bound = self.bound_of(description)
        self.query_one("#card", TopInputs).show(description, self.looking, drawing, shades, bound, card=True)
        self.query_one("#top", TopInputs).show(description, self.looking, drawing, shades, bound, card=False)
        self.query_one(LegendLine).show(description, drawing, shades, bound)
        place = f"output {self.looking.column + 1} of {len(description.steps)}" if description.steps else "no output"
        if self.looking.pinned:
            place = f"{len(self.looking.pinned)} pinned · {place}"
        read = description.omits_special(self.looking.columns) if description.steps else False
        left_out = read or (self.tab in ("matrix", "steps") and description.omits_special())
        self.query_one(PipelineLine).show(description, drawing, place, left_out=left_out)

    def _tabs(self) -> None:
        """The views there are; traced results have one more."""
        traced = self.tab == "trace" or (self.description is not None and self.description.trace is not None)
        names = ("read", "matrix", "steps", "compare")
        self.query_one(TabLine).show(self.tab, (*names, "trace") if traced else names)

    def _title(self) -> None:
        library = self.session.library
        marked = "● " if self.key in self.session.marks else ""
        text = Text(no_wrap=True, overflow="ellipsis").append(" wherefrom ", style="bold reverse")
        text.append(f"  {marked}{visible(library.title(self.key))}", style="bold")
        about = visible(self.description.subtitle) if self.description is not None else ""
        if len(library.sources) > 1:
            about = f"{library.source_name(self.key)} · {about}"
        tags, note = library.summary(self.key).tags, library.remark(self.key).note
        if tags:
            text.append(f"  [{visible(', '.join(tags))}]")
        if note:
            text.append(f"  “{visible(note)}”", style="italic")
        text.append(f"  {about}", style="dim")
        self.query_one("#title", Static).update(text)

    # keys

    def action_tab(self, name: str) -> None:
        """Another view of the same example."""
        if name == "compare":
            self.post_message(ComparisonWanted(self.key))
            return
        self.tab = name
        if name != "matrix":
            self.looking = evolve(self.looking, row=None)
        self.query_one("#views", ContentSwitcher).current = name
        self._tabs()
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
        key = self.session.neighbour(self.key, by)
        if key is None:
            self.notify("That was the last one." if by > 0 else "This is the first one.", timeout=1.5)
        else:
            self.session.pointed = key
            self._open(key)

    def action_search(self) -> None:
        """Search the text of this example."""
        self.query_one(FilterBar).open("search in this example", "search")

    def _close_search(self) -> None:
        self.query_one(FilterBar).close()
        self._matches, self._match = [], -1

    @on(Input.Changed, "#expression")
    def _searched(self, event: Input.Changed) -> None:
        wanted = event.value.strip()
        self._matches, self._match = [], -1
        bar = self.query_one(FilterBar)
        if not wanted or self.description is None:
            bar.complain("")
            return
        description = self.description
        own = set(description.output_rows.values())
        rows = [
            side.start + place
            for side in description.sides
            for place in found_in(description.inputs[side.start : side.end], wanted)
            if side.start + place not in own
        ]
        columns = found_in(description.steps, wanted)
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
        names = list(self.description.step_scores) if self.description is not None else []
        if not names:
            self.notify("There are no step scores in this file.", timeout=2)
            return
        metric = self.query_one(StepSparkline).metric
        place = names.index(metric) if metric in names else -1
        self.session.drawing = evolve(self.session.drawing, metric=names[(place + 1) % len(names)])
        self.draw()

    def action_mark(self) -> None:
        """Mark this example, or take the mark away."""
        self.session.marks ^= {self.key}
        self._title()

    def action_remark(self, what: str) -> None:
        """Give this example tags, or a note."""
        self.post_message(RemarkWanted(self.key, what))

    def remarked(self) -> None:
        """Something was said of this example."""
        self._title()

    def action_compare_marked(self) -> None:
        """Compare with the marked example."""
        self.post_message(ComparisonWanted(self.key))

    def action_export(self) -> None:
        """Write what is marked, else this example, to a file."""
        self.post_message(ExportWanted([self.key]))

    def action_copy(self) -> None:
        """Copy this view as text."""
        if self._example is None:
            return
        columns = self.looking.columns if self.tab == "read" else None
        made = self.session.library.provenance(self.key)
        self.post_message(CopyWanted(text_of(self._example, made, self.session.drawing, self.tab, columns)))


def _carried(looking: Focus, before: Description | None, after: Description) -> Focus:
    """The focus, moved to where the same tokens are after units have changed."""
    if before is None or not before.steps or not after.steps or len(before.steps) == len(after.steps):
        return looking.within(after)

    def moved(column: int) -> int:
        position = before.steps[min(column, len(before.steps) - 1)].token.position
        return max(0, sum(1 for step in after.steps if step.token.position <= position) - 1)

    return Focus(column=moved(looking.column), pinned=frozenset(map(moved, looking.pinned)), row=None).within(after)
