"""Two attributions of one text side by side: A, B, their difference and agreement, on one cursor."""

from __future__ import annotations

import math

from attrs import evolve
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Static
from wherefrom.errors import WherefromError
from wherefrom.results.attribution import Attribution

from wherefrom_viz.browser.drawing import (
    prepared,
)
from wherefrom_viz.browser.exporting import plain_text
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.messages import CopyWanted, ExportWanted
from wherefrom_viz.browser.screens.bindings import bindings
from wherefrom_viz.browser.screens.example import ExampleScreen
from wherefrom_viz.browser.session import Pair, Session
from wherefrom_viz.browser.settings import LARGEST
from wherefrom_viz.browser.widgets.agreement_view import AgreementView
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.browser.widgets.legend_line import LegendLine, PipelineLine
from wherefrom_viz.browser.widgets.matrix_view import MatrixView
from wherefrom_viz.browser.widgets.reading_view import ReadingView
from wherefrom_viz.browser.widgets.sparkline import StepSparkline
from wherefrom_viz.browser.widgets.splitter import Splitter
from wherefrom_viz.browser.widgets.tab_line import TabLine
from wherefrom_viz.colours import palette_named
from wherefrom_viz.console.comparing import CompareView
from wherefrom_viz.describe.comparison import Comparison, compare
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.text_marks import elide, visible

THREE_FROM = 120
"""Window width from which the difference stands beside A and B."""
PANES = ("a", "b", "difference")
_THIRD = 45
"""Percent of the window that the outer ones of three panes take at most."""


class CompareScreen(ExampleScreen):
    """Two examples of the library."""

    BINDINGS = bindings("compare", ("compare", "granularity", "export", "back", "help"))
    AUTO_FOCUS = ""

    def __init__(self, session: Session, pair: Pair) -> None:
        super().__init__(session)
        self.keys = (pair.a, pair.b)
        self.tab = "read"
        self.looking = Focus()
        self.comparison: Comparison | None = None
        self.shows_difference = False
        self._examples: list[Attribution] = []

    def compose(self) -> ComposeResult:
        """Title, tabs, agreement, panes, legend, pipeline, keys."""
        yield Static("", id="title", markup=False)
        yield TabLine(id="tabs")
        yield StepSparkline(id="sparkline")
        with Horizontal(id="panes"):
            for name in PANES:
                if name == "b":
                    yield Splitter("pane-a", percent=self.session.panes.get("pane-a", 0), upright=True, first=True)
                elif name == "difference":
                    percent = self.session.panes.get("pane-difference", 0)
                    yield Splitter("pane-difference", percent=percent, upright=True)
                with Vertical(id=f"pane-{name}", classes="pane"):
                    yield Static("", id=f"head-{name}", classes="pane--head", markup=False)
                    yield ReadingView(id=f"read-{name}")
                    yield MatrixView(id=f"matrix-{name}")
                    yield LegendLine("", id=f"legend-{name}", classes="pane--legend", markup=False)
        yield AgreementView(id="agreement")
        yield LegendLine("", id="legend", markup=False)
        yield PipelineLine("", id="pipeline", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Read both."""
        self._show_panes()
        self._title()
        self.call_after_refresh(self.read_examples, list(self.keys), self._loaded, self._unreadable)

    def on_resize(self, event: events.Resize) -> None:
        """Wide windows show all three."""
        self.set_class(event.size.width >= THREE_FROM, "wide")
        self._show_panes()
        self.call_after_refresh(self.draw)

    def on_screen_resume(self) -> None:
        """The theme may have changed meanwhile."""
        self.redraw()

    def _loaded(self, keys: list[int], examples: list[Attribution]) -> None:
        if not self.is_mounted:
            return
        self._examples = examples
        self.redraw()

    def _unreadable(self, keys: list[int], why: str) -> None:
        self.comparison = None
        legend = self.query_one("#legend", LegendLine)
        legend.display = True
        legend.update(Text(f" ! {visible(why)}", style="bold red"))

    @property
    def linked(self) -> Description | None:
        """The difference, which has the units of both."""
        return None if self.comparison is None else self.comparison.difference

    @property
    def views(self) -> list[DescriptionView]:
        """One for each pane, or the table of agreement."""
        return [self.query_one(AgreementView)] if self.tab == "steps" else [self._view(pane) for pane in self._seen()]

    def redraw(self) -> None:
        """Compare anew, as the drawing says."""
        if not self._examples:
            return
        drawing, library = self.session.drawing, self.session.library
        a, b = (prepared(example, drawing) for example in self._examples)
        normalize = "step" if drawing.normalization == "default" else drawing.normalization
        try:
            self.comparison = compare(
                a,
                b,
                provenance_a=library.provenance(self.keys[0]),
                provenance_b=library.provenance(self.keys[1]),
                normalize=normalize,
                granularity=drawing.granularity,
                merge=drawing.merge,
            )
        except WherefromError as error:
            self._unreadable(list(self.keys), str(error))
            return
        self.looking = self.looking.within(self.comparison.difference)
        self.draw()

    def _descriptions(self) -> dict[str, Description]:
        assert self.comparison is not None
        return {"a": self.comparison.a, "b": self.comparison.b, "difference": self.comparison.difference}

    def _view(self, pane: str) -> DescriptionView:
        return self.query_one(f"#{'matrix' if self.tab == 'matrix' else 'read'}-{pane}", DescriptionView)

    def _seen(self) -> list[str]:
        if self.tab == "steps":
            return []
        if self.has_class("wide"):
            return list(PANES)
        return ["a", "difference"] if self.shows_difference else ["a", "b"]

    def _show_panes(self) -> None:
        seen = self._seen()
        for pane in PANES:
            self.query_one(f"#pane-{pane}").display = pane in seen
            self.query_one(f"#read-{pane}").display = self.tab == "read"
            self.query_one(f"#matrix-{pane}").display = self.tab == "matrix"
        all_three = len(seen) == len(PANES)
        self.query_one("#split-pane-difference").display = all_three
        self._leave_room("pane-a", _THIRD if all_three else LARGEST)
        self._leave_room("pane-difference", _THIRD if all_three else 0)
        self.query_one("#panes").display = bool(seen)
        self.query_one("#agreement").display = self.tab == "steps"
        self.query_one(TabLine).show("compare" if self.shows_difference and self.tab != "steps" else self.tab)

    def _leave_room(self, pane: str, most: int) -> None:
        splitter = self.query_one(f"#split-{pane}", Splitter)
        splitter.most = most
        splitter.apply(splitter.percent)

    def draw(self) -> None:
        comparison = self.comparison
        if comparison is None:
            return
        drawing = self.session.drawing
        shades = self.shades_now()
        descriptions = self._descriptions()
        for pane in self._seen():
            self._view(pane).show(descriptions[pane], self.looking, drawing, shades)
            self._head(pane, descriptions[pane])
        if self.tab == "steps":
            table = self.query_one(AgreementView)
            table.comparison = comparison
            table.show(comparison.difference, self.looking, drawing, shades)
        agreed = evolve(comparison.a, step_scores={"rank agreement": comparison.agreement})
        self.query_one(StepSparkline).show(agreed, self.looking.column, "rank agreement")
        self._explain(descriptions)
        place = f"output {self.looking.column + 1} of {len(comparison.a.steps)}"
        left_out = any(one.omits_special() for one in descriptions.values())
        self.query_one(PipelineLine).show(comparison.difference, drawing, place, left_out=left_out)
        self._title()

    def _explain(self, descriptions: dict[str, Description]) -> None:
        """One legend where what is seen has the same colours and words, else one in each pane."""
        drawing, shades = self.session.drawing, self.shades_now()
        seen = {pane: descriptions[pane] for pane in self._seen() or ["difference"]}
        alike = len({(self.bound_of(one), one.words) for one in seen.values()}) == 1
        for pane in PANES:
            legend = self.query_one(f"#legend-{pane}", LegendLine)
            legend.display = not alike
            if pane in seen:
                legend.show(seen[pane], drawing, shades, self.bound_of(seen[pane]))
        first = next(iter(seen.values()))
        legend = self.query_one("#legend", LegendLine)
        legend.display = alike
        legend.show(first, drawing, shades, self.bound_of(first))

    def _head(self, pane: str, description: Description) -> None:
        if pane == "difference":
            words = "A − B"
        else:
            key = self.keys[PANES.index(pane)]
            words = f"{pane.upper()}  {visible(self.session.library.title(key))}  {visible(description.subtitle)}"
        self.query_one(f"#head-{pane}", Static).update(Text(words, no_wrap=True, overflow="ellipsis"))

    def _title(self) -> None:
        library = self.session.library
        text = Text(no_wrap=True, overflow="ellipsis").append(" wherefrom ", style="bold reverse")
        names = [visible(library.title(key)) for key in self.keys]
        if names[0] == names[1]:
            others = [library.summary(key).method for key in self.keys]
            if others[0] == others[1]:
                others = [library.source_name(key) for key in self.keys]
            text.append(f"  {elide(names[0], 30)}: {elide(others[0], 30)} ↔ {elide(others[1], 30)}", style="bold")
        else:
            text.append(f"  {elide(names[0], 30)} ↔ {elide(names[1], 30)}", style="bold")
        if self.comparison is not None and math.isfinite(self.comparison.mean_agreement):
            text.append(f"  mean rank agreement {self.comparison.mean_agreement:+.2f}", style="dim")
        self.query_one("#title", Static).update(text)

    # keys

    def action_tab(self, name: str) -> None:
        """Another view; Compare switches the right pane between B and the difference."""
        if name == "compare":
            self.shows_difference = not self.shows_difference
        else:
            self.tab = name
            if name != "matrix":
                self.looking = evolve(self.looking, row=None)
        self._show_panes()
        self.call_after_refresh(self.draw)

    def action_metric(self) -> None:
        """The sparkline shows the agreement here."""
        self.notify("Here the bars are the rank agreement of A and B.", timeout=2)

    def action_export(self) -> None:
        """Write both to a file."""
        self.post_message(ExportWanted(list(self.keys)))

    def action_copy(self) -> None:
        """Copy the comparison as text."""
        if self.comparison is None:
            return
        shown = CompareView(comparison=self.comparison, palette=palette_named(self.session.drawing.palette))
        self.post_message(CopyWanted(plain_text(shown)))
