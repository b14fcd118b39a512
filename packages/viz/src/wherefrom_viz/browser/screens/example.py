"""What the screens of one example and of two have in common: views on one linked cursor, drawn as the keys say."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from textual import on

from wherefrom_viz.browser.drawing import (
    Drawing,
    more_intense,
    next_aggregation,
    next_granularity,
    next_normalization,
)
from wherefrom_viz.browser.focus import Focus, bound_of
from wherefrom_viz.browser.messages import InputPointed, StepPointed
from wherefrom_viz.browser.screens.base import SessionScreen
from wherefrom_viz.browser.widgets.description_view import DescriptionView
from wherefrom_viz.describe.description import Description


class ExampleScreen(SessionScreen):
    """A cursor over outputs and inputs that all views of the screen share."""

    looking = Focus()
    tab = "read"
    """The views that are seen: ``"read"``, ``"matrix"`` or ``"steps"``."""

    @property
    def linked(self) -> Description | None:
        """The description whose outputs and inputs the cursor counts; None: nothing is shown yet."""
        raise NotImplementedError

    @property
    def views(self) -> Sequence[DescriptionView]:
        """The views that are seen."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Make the descriptions anew from the stored scores, if they have been read."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw what the cursor changed."""
        raise NotImplementedError

    def bound_of(self, description: Description) -> float:
        """The score of the strongest colour, as the legend has it.

        A text is coloured by what is looked at; cells by one output each, of which the cursor's stands in the legend.
        """
        coloured = self.looking if self.tab == "read" else Focus(column=self.looking.column)
        return bound_of(description, coloured, self.session.drawing)

    def look(self, looking: Focus) -> None:
        """Put the cursor somewhere else."""
        if self.linked is not None:
            self.looking = looking.within(self.linked)
            self.draw()

    def redraw_as(self, drawing: Drawing) -> None:
        """Draw in another way from now on, here and elsewhere."""
        self.session.drawing = drawing
        self.redraw()

    # messages

    @on(StepPointed)
    def _step_pointed(self, event: StepPointed) -> None:
        looking = evolve(self.looking, column=event.column, row=self._kept_row())
        self.look(looking.toggled(event.column) if event.pin else looking)

    @on(InputPointed)
    def _input_pointed(self, event: InputPointed) -> None:
        again = self.tab == "read" and self.looking.row == event.row
        self.look(evolve(self.looking, row=None if again else event.row))

    # keys

    def action_left(self) -> None:
        """The output token before."""
        self._move(-1)

    def action_right(self) -> None:
        """The next output token."""
        self._move(1)

    def _move(self, by: int) -> None:
        self.look(evolve(self.looking, column=self.looking.column + by, row=self._kept_row()))

    def _kept_row(self) -> int | None:
        """Only in the matrix there is an input under the cursor whatever the output is."""
        return self.looking.row if self.tab == "matrix" else None

    def action_up(self) -> None:
        """The row above; in the table of steps the token before; in the text a line."""
        self._vertical(-1)

    def action_down(self) -> None:
        """The row below."""
        self._vertical(1)

    def action_page_up(self) -> None:
        """A page of rows up."""
        self._vertical(-self._page())

    def action_page_down(self) -> None:
        """A page of rows down."""
        self._vertical(self._page())

    def _page(self) -> int:
        return max([1, *(view.size.height - 3 for view in self.views)])

    def action_first(self) -> None:
        """The first row."""
        self._vertical(-(10**9))

    def action_last(self) -> None:
        """The last row."""
        self._vertical(10**9)

    def _vertical(self, by: int) -> None:
        if self.linked is None:
            return
        if self.tab == "steps":
            self._move(by)
        elif self.tab == "matrix":
            rows = [row for _, members in self.linked.sections() for row in members]
            if rows:
                here = rows.index(self.looking.row) if self.looking.row in rows else (-1 if by > 0 else len(rows))
                self.look(evolve(self.looking, row=rows[min(max(here + by, 0), len(rows) - 1)]))
        else:
            for view in self.views:
                view.scroll_to(y=max(0, view.scroll_offset.y + by), animate=False, force=True)

    def action_enter(self) -> None:
        """Pin the output token, or unpin it."""
        if self.linked is not None and self.linked.steps:
            self.look(self.looking.toggled(self.looking.column))

    def action_back(self) -> None:
        """Unpin, then go back."""
        if self.looking.pinned or (self.looking.row is not None and self.tab == "read"):
            self.look(evolve(self.looking, pinned=frozenset(), row=None))
        else:
            self.app.pop_screen()

    def action_granularity(self) -> None:
        """Larger units."""
        self.redraw_as(next_granularity(self.session.drawing))

    def action_aggregation(self) -> None:
        """Another way to combine scores."""
        self.redraw_as(next_aggregation(self.session.drawing))

    def action_normalization(self) -> None:
        """The next normalisation."""
        self.redraw_as(next_normalization(self.session.drawing))

    def action_intensity(self, by: int) -> None:
        """Stronger or weaker colours."""
        self.session.drawing = more_intense(self.session.drawing, 1.25**by)
        self.draw()
