"""The list of examples with filter, sort, marks and preview."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Footer, Input, Static
from wherefrom.errors import WherefromError
from wherefrom.results.attribution import Attribution

from wherefrom_viz.browser.columns import sortable, spoken_column
from wherefrom_viz.browser.drawing import described_as, more_intense
from wherefrom_viz.browser.filter_language import FilterError, parse_filter
from wherefrom_viz.browser.filters import Contains, Everything, Filter, unknown_parts
from wherefrom_viz.browser.messages import (
    AnotherWanted,
    ComparisonWanted,
    CopyWanted,
    ExampleChosen,
    ExampleOpened,
    ExamplePointed,
    ExportWanted,
    HeadClicked,
    RemarkWanted,
)
from wherefrom_viz.browser.ordering import Progress, Tested, filtered, sorted_keys
from wherefrom_viz.browser.screens.base import SessionScreen
from wherefrom_viz.browser.screens.bindings import bindings
from wherefrom_viz.browser.screens.goto import GotoScreen
from wherefrom_viz.browser.shares import shares_of_sections
from wherefrom_viz.browser.sources.library import Keys
from wherefrom_viz.browser.widgets.example_list import ExampleList
from wherefrom_viz.browser.widgets.file_tabs import FileTabs
from wherefrom_viz.browser.widgets.filter_bar import FilterBar
from wherefrom_viz.browser.widgets.preview import Preview
from wherefrom_viz.browser.widgets.splitter import Splitter
from wherefrom_viz.describe.text_marks import elide, visible

_PREVIEW_DELAY = 0.06
"""Seconds the cursor must rest before scores are read."""
_LOOKED_AT = 8
"""Examples that tell which parts there are, where a filter finds nothing."""


class BrowseScreen(SessionScreen):
    """Everything that is open, as one list."""

    BINDINGS = bindings("browse", ("enter", "search", "filter", "sort", "mark", "help"))
    AUTO_FOCUS = "ExampleList"

    def compose(self) -> ComposeResult:
        """Title, filter, list, preview, complaints, keys."""
        yield Static("", id="title", markup=False)
        yield FileTabs("", id="files", markup=False)
        yield FilterBar(id="filter")
        yield ExampleList(self.session.library, self.session.marks, id="examples")
        yield Splitter("preview", percent=self.session.panes.get("preview", 0))
        yield Preview(id="preview")
        yield Static("", id="complaints", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Fill the list."""
        self._filter: Filter = Everything()
        self._searching = False
        self._progress: Progress | None = None
        self._slices: Iterator[Progress] | None = None
        self._delay: Timer | None = None
        self._file: int | None = None
        self._all = self.session.library.keys()
        self.examples = self.query_one(ExampleList)
        names = self.session.library.score_names
        metric = self.session.drawing.metric
        self.examples.score = metric if metric in names else (names[0] if names else "")
        self.examples.list_keys(self._all)
        self._tell()
        self.call_after_refresh(self._point)

    def on_screen_resume(self) -> None:
        """Marks, colours and the example that is looked at may have changed meanwhile."""
        if self.is_mounted and hasattr(self, "examples"):
            self._follow_reader()
            self.examples.refresh()
            self._tell()
            self._point()

    def _follow_reader(self) -> None:
        """The cursor goes to the example that was turned to elsewhere."""
        place = np.flatnonzero(self.examples.keys == self.session.pointed)
        self.session.pointed = None
        if len(place):
            self.examples.move_to(int(place[0]), tell=False)

    # what is listed

    def grown(self) -> None:
        """The files have more examples, or something is wrong with them."""
        self._all = self.session.library.keys(self._file)
        self._start_filter()
        self._tell()

    @on(Input.Changed, "#expression")
    def _written(self, event: Input.Changed) -> None:
        self._understand(event.value, typing=True)

    @on(Input.Submitted, "#expression")
    def _accepted(self, event: Input.Submitted) -> None:
        self._understand(event.value, typing=False)
        if not event.value.strip():
            self.query_one(FilterBar).close()
        self.examples.focus()

    def _understand(self, text: str, *, typing: bool) -> None:
        """Filter by what is written; while it is no filter, the last good result stays."""
        bar = self.query_one(FilterBar)
        library = self.session.library
        try:
            if self._searching:
                wanted = text.strip().casefold()
                accepts: Filter = Contains("text", wanted) if wanted else Everything()
            else:
                accepts = parse_filter(text, library.score_names, library.annotation_names, typing=typing)
        except FilterError as error:
            if typing and error.unfinished:
                bar.hint(f"{' ' * min(error.position, 40)}{error}")
            else:
                bar.complain(f"{' ' * min(error.position, 40)}^ {error}")
            return
        bar.complain("")
        if accepts != self._filter or (not typing and self._slices is None):
            self._filter = accepts
            self._start_filter()

    def _start_filter(self) -> None:
        if isinstance(self._filter, Everything):
            self._slices, self._progress = None, None
            self._list(self._all)
            return
        candidate = Tested(self.session.library, self.session.marks, self.session.cache.get)
        self._slices = filtered(self._all, self._filter, candidate)
        self._next_slice(self._slices)

    def _next_slice(self, slices: Iterator[Progress]) -> None:
        if slices is not self._slices:
            return  # another filter was written meanwhile
        self._progress = next(slices)
        if self._progress.done:
            self._slices = None
            self._list(self._progress.found)
        else:
            self.set_timer(0.001, lambda: self._next_slice(slices))
        self._tell()

    def _list(self, keys: Keys) -> None:
        examples = self.examples
        if examples.sort_column != "n" or examples.backwards:
            keys = sorted_keys(
                self.session.library, keys, examples.sort_column, examples.score, backwards=examples.backwards
            )
        examples.list_keys(keys, keep=examples.key)
        self.session.listed = keys
        self._tell()
        self._point()

    def _tell(self) -> None:
        """The lines at the top, and the complaints."""
        library = self.session.library
        self.query_one(FileTabs).show([source.name for source in library.sources], self._file)
        shown, total = len(self.examples.keys), len(self._all)
        count = f"{shown:,}" if shown == total else f"{shown:,} of {total:,}"
        text = Text(no_wrap=True, overflow="ellipsis").append(" wherefrom ", style="bold reverse")
        text.append(f"  {visible(elide(library.name, max(10, self.size.width - 50)))}  ", style="bold")
        text.append(f"{count} examples")
        if self._progress is not None and not self._progress.done:
            text.append(f"  filtering {self._progress.tested / max(1, total):.0%}", style="italic")
        if self._progress is not None and self._progress.unreadable:
            text.append(f"  {self._progress.unreadable:,} unreadable", style="italic")
        if self.session.marks:
            text.append(f"  ● {len(self.session.marks):,} marked")
        if library.unread:
            text.append("  reading the index…", style="italic")
        elif library.total is not None and total < library.total:
            text.append(f"  growing: {total:,} of {library.total:,}", style="dim")
        self.query_one("#title", Static).update(text)
        complaints = library.complaints
        line = self.query_one("#complaints", Static)
        more = f"  (+{len(complaints) - 1} more)" if len(complaints) > 1 else ""
        line.update(f" ! {visible(complaints[0])}{more}" if complaints else "")
        line.set_class(bool(complaints), "wrong")

    def _nothing(self) -> str:
        """Why there may be nothing: a part of examples that none of the first ones has."""
        first = self._all[:_LOOKED_AT].tolist()
        with contextlib.suppress(OSError, WherefromError):  # one that cannot be read is told elsewhere
            if unknown := unknown_parts(self._filter, map(self.session.library.load, first)):
                which = f"share({visible(elide(unknown[0], 30))})"
                return f"{which}: no example has such a part, of {len(first)} looked at. Esc shows everything."
        return "Nothing matches. Esc shows everything."

    # the preview

    @on(ExamplePointed)
    def _pointed(self) -> None:
        self._point()

    def _point(self) -> None:
        """Show the example under the cursor: the summary now, the scores when they are read."""
        key = self.examples.key
        preview = self.query_one(Preview)
        if key is None:
            preview.clear(self._nothing() if len(self._all) else "There are no examples yet.")
            return
        preview.tell(self.session.library.title(key), self.session.library.summary(key))
        if self._delay is not None:
            self._delay.stop()
        if self.session.cache.peek(key) is not None:
            self._read(key)
        else:
            self._delay = self.set_timer(_PREVIEW_DELAY, lambda: self._read(key))

    def _read(self, key: int) -> None:
        self.read_examples([key], self._loaded, self._unreadable)

    def _loaded(self, keys: list[int], examples: list[Attribution]) -> None:
        if keys[0] != self.examples.key or not self.is_current:
            return
        library, drawing = self.session.library, self.session.drawing
        try:
            description = described_as(examples[0], library.provenance(keys[0]), drawing)
            shares = shares_of_sections(examples[0], description)
        except WherefromError as error:
            self._unreadable(keys, str(error))
            return
        title, summary = library.title(keys[0]), library.summary(keys[0])
        self.query_one(Preview).description(title, summary, description, shares, drawing, self.shades_now())

    def _unreadable(self, keys: list[int], why: str) -> None:
        if keys[0] == self.examples.key:
            library = self.session.library
            self.query_one(Preview).tell(library.title(keys[0]), library.summary(keys[0]), why)

    # keys

    def action_up(self) -> None:
        """The example above."""
        self.examples.move_to(self.examples.cursor - 1)

    def action_down(self) -> None:
        """The example below."""
        self.examples.move_to(self.examples.cursor + 1)

    def action_page_up(self) -> None:
        """A page up."""
        self.examples.move_to(self.examples.cursor - self.examples.page())

    def action_page_down(self) -> None:
        """A page down."""
        self.examples.move_to(self.examples.cursor + self.examples.page())

    def action_first(self) -> None:
        """The first example."""
        self.examples.move_to(0)

    def action_last(self) -> None:
        """The last example."""
        self.examples.move_to(len(self.examples.keys) - 1)

    def action_enter(self) -> None:
        """Open the example."""
        self.action_tab("read")

    @on(ExampleChosen)
    def _chosen(self) -> None:
        self.action_tab("read")

    def action_tab(self, name: str) -> None:
        """Open the example in a view."""
        key = self.examples.key
        if key is None:
            return
        if name == "compare":
            self.action_compare_marked()
        else:
            self.post_message(ExampleOpened(key, name))

    def action_back(self) -> None:
        """From the bar to the list; then show everything; then choose another file."""
        bar = self.query_one(FilterBar)
        if not self.examples.has_focus:
            self.examples.focus()
        elif bar.has_class("used"):
            bar.close()
        else:
            self.post_message(AnotherWanted())

    def action_search(self) -> None:
        """Search the text."""
        self._use_bar(searching=True, prompt="search the text")

    def action_filter(self) -> None:
        """Write a filter."""
        self._use_bar(searching=False, prompt='prob<0.2  len>100  method:ig  has:"<unk>"  input~/regex/  -word')

    def _use_bar(self, *, searching: bool, prompt: str) -> None:
        bar = self.query_one(FilterBar)
        if self._searching is not searching:
            bar.close()
        self._searching = searching
        bar.set_class(searching, "search")
        bar.open(prompt, "search" if searching else "filter")

    def action_next_match(self) -> None:
        """The next example that the search found."""
        self.examples.move_to((self.examples.cursor + 1) % max(1, len(self.examples.keys)))

    def action_previous_match(self) -> None:
        """The one before."""
        self.examples.move_to((self.examples.cursor - 1) % max(1, len(self.examples.keys)))

    def action_sort(self) -> None:
        """Sort by the next column."""
        library = self.session.library
        tags = any(library.summary(key).tags for key in self._all[:500].tolist())
        columns = sortable(library.annotation_names, tags=tags)
        here = self.examples.sort_column
        place = columns.index(here) if here in columns else 0
        self._sort(columns[(place + 1) % len(columns)], backwards=False)

    def action_reverse(self) -> None:
        """Turn the order around."""
        self._sort(self.examples.sort_column, backwards=not self.examples.backwards)

    @on(HeadClicked)
    def _head_clicked(self, event: HeadClicked) -> None:
        again = event.column == self.examples.sort_column
        self._sort(event.column, backwards=again and not self.examples.backwards)

    def _sort(self, column: str, *, backwards: bool) -> None:
        self.examples.sort_column, self.examples.backwards = column, backwards
        keys = np.sort(self.examples.keys)
        self._list(keys)
        name = visible(elide(spoken_column(column, self.examples.score), 40))
        self.notify(f"by {name}{', backwards' if backwards else ''}", timeout=1.5, markup=False)

    def action_mark(self) -> None:
        """Mark the example, or take the mark away, and go on."""
        key = self.examples.key
        if key is None:
            return
        self.session.marks ^= {key}
        self.examples.marks = self.session.marks
        self.examples.refresh()
        self.examples.move_to(self.examples.cursor + 1)
        self._tell()

    def action_mark_all(self) -> None:
        """Mark all that are listed; take the marks away if all had one."""
        listed = set(self.examples.keys.tolist())
        if listed <= self.session.marks:
            self.session.marks -= listed
        else:
            self.session.marks |= listed
        self.examples.refresh()
        self._tell()

    def action_compare_marked(self) -> None:
        """Compare the example with the marked one, or two marked ones, or with its counterpart."""
        if self.examples.key is not None:
            self.post_message(ComparisonWanted(self.examples.key))

    def action_intensity(self, by: int) -> None:
        """Stronger or weaker colours."""
        self.session.drawing = more_intense(self.session.drawing, 1.25**by)
        self._point()

    def action_export(self) -> None:
        """Write what is marked, else this example, to a file."""
        if self.examples.key is not None:
            self.post_message(ExportWanted([self.examples.key]))

    def action_next_file(self, by: int) -> None:
        """List the next open file alone, or all of them."""
        count = len(self.session.library.sources)
        if count < 2:
            self.notify("Only one file is open.", timeout=1.5)
            return
        here = 0 if self._file is None else self._file + 1
        self.action_file((here + by) % (count + 1) - 1)

    def action_file(self, place: int) -> None:
        """List the examples of one file; a negative place: of all."""
        self._file = None if place < 0 else place
        self.grown()

    def action_remark(self, what: str) -> None:
        """Give the example tags, or a note."""
        if self.examples.key is not None:
            self.post_message(RemarkWanted(self.examples.key, what))

    def remarked(self) -> None:
        """Something was said of an example: columns and filter may be others now."""
        self.examples.list_keys(self.examples.keys, keep=self.examples.key)
        self._start_filter()
        self._point()

    def action_copy(self) -> None:
        """Copy the example's texts."""
        key = self.examples.key
        if key is not None:
            summary = self.session.library.summary(key)
            title = self.session.library.title(key)
            self.post_message(CopyWanted(f"{title}\n{summary.prompt}\n{summary.output}\n"))

    def action_goto(self) -> None:
        """Go to an id, to "#3" as the list calls an example without one, or to a line of the list."""
        self.app.push_screen(GotoScreen(), self._go)

    def _go(self, wanted: str | None) -> None:
        if not wanted:
            return
        library, keys = self.session.library, self.examples.keys.tolist()
        for place, key in enumerate(keys):
            if library.title(key) == wanted:
                self.examples.move_to(place)
                return
        if wanted.isdecimal() and 0 < int(wanted) <= len(keys):
            self.examples.move_to(int(wanted) - 1)
            return
        self.notify(f"No example listed here is called {wanted!r}.", severity="warning", markup=False)
