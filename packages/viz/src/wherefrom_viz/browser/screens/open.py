"""Choose what to open: recent files, and files and runs of this folder."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from wherefrom_viz.browser.messages import PathsChosen
from wherefrom_viz.browser.places import Place, find_places, recent_places
from wherefrom_viz.browser.screens.base import SessionScreen
from wherefrom_viz.browser.screens.bindings import bindings
from wherefrom_viz.browser.session import Session
from wherefrom_viz.describe.text_marks import elide, visible


class OpenScreen(SessionScreen):
    """A path to write, and a list to choose from."""

    BINDINGS = bindings("open", ("enter", "back", "theme", "settings", "help", "quit"))
    AUTO_FOCUS = "OptionList"

    def __init__(self, session: Session, folder: Path, complaint: str = "") -> None:
        super().__init__(session)
        self.folder = folder
        self._complaint = complaint
        self._places: list[Place] = []

    def compose(self) -> ComposeResult:
        """Title, path, list, keys."""
        yield Static(Text.assemble((" wherefrom ", "bold reverse"), "  open saved attributions"), id="title")
        yield Input(placeholder="path of a file or of a run's folder", id="path", compact=True)
        yield Static(visible(self._complaint), id="complaints", markup=False)
        yield OptionList(id="places", compact=True, markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """List what is there."""
        self.query_one("#complaints").set_class(bool(self._complaint), "wrong")
        self._places = recent_places()
        self._list()
        self._scan()

    @work(thread=True, exclusive=True)
    def _scan(self) -> None:
        found = list(find_places(self.folder))
        self.app.call_from_thread(self._found, found)

    def _found(self, found: list[Place]) -> None:
        if not self.is_mounted:
            return
        known = {place.path.resolve() for place in self._places}
        self._places += [place for place in found if place.path.resolve() not in known]
        self._list()

    def _list(self) -> None:
        options = self.query_one(OptionList)
        before = options.highlighted
        options.clear_options()
        if not self._places:
            words = "no attributions in this folder: write a path above"
            options.add_option(Option(Text(words, style="dim"), disabled=True))
            self.query_one("#path", Input).focus()
            return
        width = max(20, self.size.width - 6)
        for number, place in enumerate(self._places):
            options.add_option(Option(self._line(place, width), id=str(number)))
        options.highlighted = before or 0

    def _line(self, place: Place, width: int) -> Text:
        path = place.path
        name = str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)
        name += "/" if place.kind == "run" else ""
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        text.append("recent " if place.recent else f"{place.kind:<7}", style="dim")
        text.append(elide(visible(name), max(16, width // 2)).ljust(max(16, width // 2)) + "  ", style="bold")
        text.append(elide(visible(place.facts), max(8, width - text.cell_len)), style="dim")
        return text

    def complain(self, complaint: str) -> None:
        """Say why something could not be opened."""
        line = self.query_one("#complaints", Static)
        line.update(f" ! {visible(complaint)}")
        line.add_class("wrong")

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if event.option.id is not None:
            self.post_message(PathsChosen([self._places[int(event.option.id)].path]))

    @on(Input.Submitted, "#path")
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.post_message(PathsChosen([Path(event.value.strip()).expanduser()]))

    # keys

    def action_up(self) -> None:
        """The one above."""
        self.query_one(OptionList).action_cursor_up()

    def action_down(self) -> None:
        """The one below."""
        options = self.query_one(OptionList)
        options.focus()
        options.action_cursor_down()

    def action_page_up(self) -> None:
        """A page up."""
        self.query_one(OptionList).action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """A page down."""
        self.query_one(OptionList).action_page_down()  # type: ignore[no-untyped-call]

    def action_first(self) -> None:
        """The first one."""
        self.query_one(OptionList).action_first()

    def action_last(self) -> None:
        """The last one."""
        self.query_one(OptionList).action_last()

    def action_enter(self) -> None:
        """Open what is chosen."""
        self.query_one(OptionList).action_select()

    def action_back(self) -> None:
        """Back to the list, if there is one."""
        if self.session.library.sources:
            self.app.pop_screen()
        else:
            self.notify("q or ctrl+q quits.", timeout=2)
