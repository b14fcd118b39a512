"""Which console view fits a width, as one renderable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
from attrs import evolve, frozen
from rich.console import Console, ConsoleOptions
from rich.jupyter import JupyterMixin
from rich.text import Text

from wherefrom_viz.colours import Palette, Theme
from wherefrom_viz.console.legend import heading, legend
from wherefrom_viz.console.matrix import compact_layout, full_layout, matrix
from wherefrom_viz.console.pairs import pairs
from wherefrom_viz.console.plain import spelt, whole
from wherefrom_viz.console.reading import columns_read, reading
from wherefrom_viz.console.tables import step_table, strongest
from wherefrom_viz.console.terminal_style import TerminalStyle, terminal_style_for
from wherefrom_viz.console.trace import trace_lines
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.options import check_name
from wherefrom_viz.describe.running_text import WrapAfter, end_texts

View: TypeAlias = Literal["auto", "matrix", "read", "topk", "steps", "trace"]

NO_TRACE = "This result is no trace. Make one with result.trace(span), or with wherefrom trace."
_TALLEST_MATRIX = 60
"""Rows above which ``auto`` reads the text instead."""


@frozen(kw_only=True, eq=False)
class ConsoleView(JupyterMixin):
    """Draws descriptions one below the other, each in the view that fits. A Rich renderable, in notebooks too."""

    descriptions: Sequence[Description]
    palette: Palette
    view: View = "auto"
    theme: Theme | None = None
    columns: Sequence[int] | None = None
    """Steps that are shown; None: all."""
    together: bool = False
    """Are they read as one, their scores summed?"""
    top: int = 5
    """Inputs per line of the table."""
    wrap_after: WrapAfter = None
    """Where lines of the reading view end."""
    highlight: str | None = None
    """A step score that shades the output in the reading view."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        terminal = terminal_style_for(console, self.palette, self.theme)
        width = options.max_width
        ends = self.wrap_after if isinstance(self.wrap_after, int) else tuple(end_texts(self.wrap_after))
        spelled = spelt(evolve(self, wrap_after=ends), options)
        for place, description in enumerate(spelled.descriptions):
            if place:
                yield Text()
            for line in spelled.lines(description, terminal, width):
                yield whole(line, options)

    def lines(self, description: Description, terminal: TerminalStyle, width: int) -> Iterator[Text]:
        """The lines of one example at ``width`` columns."""
        yield from heading(description, width)
        view = self.view
        if not description.steps or not description.inputs:
            yield Text("There are no scores to show.", style="dim")
            view = "steps" if description.steps else "none"  # type: ignore[assignment]
        if view == "steps":
            yield from step_table(description, terminal, width, self.columns)
        elif view == "topk":
            yield from strongest(description, terminal, width, self.columns, self.top)
            yield Text()
            columns = range(len(description.steps)) if self.columns is None else self.columns
            listed = [score for column in columns for _, score in description.top([column], self.top)]
            left_out = any(description.omits_special([column]) for column in columns)
            yield from legend(description, terminal, width, cells=False, shown=np.array(listed), left_out=left_out)
        elif view == "read":
            groups = columns_read(description, self.columns, together=self.together)
            yield from reading(description, terminal, width, groups, self.wrap_after, self.highlight)
            yield from legend(
                description,
                terminal,
                width,
                cells=False,
                bound=description.bound_of(groups[0]) if groups else None,
                shown=np.array([description.scores[:, group].sum(axis=1) for group in groups]),
                left_out=any(description.omits_special(group) for group in groups),
            )
        elif view in ("matrix", "auto"):
            yield from self._matrix_or_text(description, terminal, width)
        if view != "steps" and description.pair_labels:
            yield Text()
            yield from pairs(description, terminal, width, self.columns, self.top)
        if description.trace is not None:
            if view != "trace":
                yield Text()
            yield from trace_lines(description.trace, width)
        elif view == "trace":
            yield Text(NO_TRACE, style="dim")

    def _matrix_or_text(self, description: Description, terminal: TerminalStyle, width: int) -> Iterator[Text]:
        shown = description if self.columns is None else description.with_steps(self.columns)
        outputs = "outputs" if self.columns is None else "chosen outputs"
        full, compact = full_layout(shown, terminal, width), compact_layout(shown, width)
        rows = len(shown.seen_rows())
        fits = self.view == "matrix" or rows <= _TALLEST_MATRIX
        if full is not None and fits:
            yield from matrix(shown, terminal, full)
        elif self.view == "matrix":
            yield from matrix(shown, terminal, compact, outputs)
        elif fits and compact.per_band >= len(shown.steps):
            yield from matrix(shown, terminal, compact)
            yield Text()
            yield from strongest(description, terminal, width, self.columns, self.top)
        else:
            yield from reading(description, terminal, width, columns_read(description, self.columns))
            yield Text()
            yield from strongest(description, terminal, width, self.columns, self.top)
        yield Text()
        yield from legend(shown, terminal, width)


def checked_view(view: str) -> View:
    """``view`` if there is one of that name.

    Raises:
        SettingsError: There is none.
    """
    check_name("view", view, get_args(View))
    return view  # type: ignore[return-value]
