"""The application: it opens sources, holds what screens share, and goes from screen to screen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from msgspec.structs import replace
from textual import events, on, work
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import Static
from wherefrom.errors import InputError, WherefromError
from wherefrom.results.attribution import Attributions

from wherefrom_viz.browser.commands import ActionProvider
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.exporting import export, suggested_name
from wherefrom_viz.browser.jumping import HasTargets, Target, labels
from wherefrom_viz.browser.key_order import KeyOrder
from wherefrom_viz.browser.messages import (
    AnotherWanted,
    ComparisonWanted,
    CopyWanted,
    ExampleOpened,
    ExportWanted,
    PaneSized,
    PathsChosen,
    RemarkWanted,
)
from wherefrom_viz.browser.notes import tags_of, written
from wherefrom_viz.browser.places import remember
from wherefrom_viz.browser.screen_names import name_of
from wherefrom_viz.browser.screens.browse import BrowseScreen
from wherefrom_viz.browser.screens.compare import CompareScreen
from wherefrom_viz.browser.screens.detail import DetailScreen
from wherefrom_viz.browser.screens.export import ExportRequest, ExportScreen
from wherefrom_viz.browser.screens.help import HelpScreen
from wherefrom_viz.browser.screens.jump import JumpScreen
from wherefrom_viz.browser.screens.open import OpenScreen
from wherefrom_viz.browser.screens.remark import RemarkScreen
from wherefrom_viz.browser.screens.settings import SettingsScreen
from wherefrom_viz.browser.session import Pair, Session
from wherefrom_viz.browser.settings import DEFAULT_THEME, LARGEST, SMALLEST, Settings, load_settings
from wherefrom_viz.browser.sources import Library, Source, open_source
from wherefrom_viz.browser.sources.library import Growth
from wherefrom_viz.browser.sources.loaded import LoadedSource
from wherefrom_viz.browser.style_cache import colour_level
from wherefrom_viz.browser.themes import CYCLE, DARK, LIGHT
from wherefrom_viz.browser.widgets.splitter import Splitter
from wherefrom_viz.console.terminal_style import Level, terminal_theme

FOLLOW_SECONDS = 1.0
"""How often files are asked whether they have grown."""


class Browser(App[None]):
    """The terminal browser.

    Args:
        given: Paths to open, or results of this process; nothing: a screen to choose a file.
        settings: How to start; None reads the user's configuration file.
        follow_seconds: How often to look whether files have grown; 0: never.
        colours: How many colours the terminal has; None: as it says itself.
    """

    CSS_PATH = "app.tcss"
    TITLE = "wherefrom"
    COMMANDS: ClassVar[set[Any]] = App.COMMANDS | {ActionProvider}
    ENABLE_COMMAND_PALETTE = True
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        given: Sequence[Path] | Attributions = (),
        settings: Settings | None = None,
        *,
        follow_seconds: float = FOLLOW_SECONDS,
        colours: Level | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings if settings is not None else load_settings()
        self.session = Session(settings=self.settings, colours=colours)
        self._given = given
        self._follow_seconds = follow_seconds
        self._complaints: tuple[str, ...] = ()
        self._following = False
        self._detail: DetailScreen | None = None
        self._keys = KeyOrder(self, super().on_event)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        known = self.settings.theme in self.available_themes
        self.theme = self.settings.theme if known else DEFAULT_THEME
        few = (colours or colour_level(self)) == "16"
        self._themes = tuple(name for name in CYCLE if name.startswith("ansi")) if few else CYCLE
        if self.theme == DEFAULT_THEME and few:
            self.theme = "ansi-dark" if terminal_theme() == "dark" else "ansi-light"
        if not known:
            self._complaints = (f"There is no theme {self.settings.theme!r}.",)
        self.set_keymap(self.settings.keys)

    def compose(self) -> ComposeResult:
        """What is seen while files are opened."""
        yield Static("opening…", id="opening")

    def on_mount(self) -> None:
        """Open what was given."""
        if isinstance(self._given, Attributions):
            self._opened([LoadedSource(self._given)], [])
        elif self._given:
            self.open_paths(self._given)
        else:
            self.push_screen(OpenScreen(self.session, Path.cwd()))
        if self._follow_seconds:
            self.set_interval(self._follow_seconds, self._follow)

    async def on_event(self, event: events.Event) -> None:
        """Keys wait for those before them."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    # opening

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open files and runs in place of what is open; says why if none can be."""
        self._open(list(paths))

    @work(thread=True, exclusive=True, group="open")
    def _open(self, paths: list[Path]) -> None:
        sources: list[Source] = []
        complaints: list[str] = []
        for path in paths:
            try:
                sources.append(open_source(path))
            except WherefromError as error:
                complaints.append(" ".join(str(error).split()))
            except OSError as error:
                complaints.append(f"{path}: {error.strerror or error}")
        if sources:
            remember([path for path in paths if path.exists()])
        self.call_from_thread(self._opened, sources, complaints)

    def _opened(self, sources: list[Source], complaints: list[str]) -> None:
        if not sources:
            if isinstance(self.screen, OpenScreen):
                self.screen.complain(complaints[0])
            else:
                self.push_screen(OpenScreen(self.session, Path.cwd(), complaints[0]))
            return
        self.session.open(sources, (*self._complaints, *complaints))
        while len(self.screen_stack) > 1:
            self.pop_screen()
        screen = BrowseScreen(self.session)
        self.push_screen(screen)
        if self.session.library.unread:
            screen.call_after_refresh(self._follow)

    @on(PathsChosen)
    def _paths_chosen(self, event: PathsChosen) -> None:
        self.open_paths(event.paths)

    @on(AnotherWanted)
    def _another_wanted(self) -> None:
        self.push_screen(OpenScreen(self.session, Path.cwd()))

    def _follow(self) -> None:
        if self.session.library.sources and not self._following:
            self._following = True
            self._refresh_library(self.session.library)

    @work(thread=True, group="follow", exit_on_error=False)
    def _refresh_library(self, library: Library) -> None:
        before = library.complaints
        try:
            growth = library.refresh()
        finally:
            self._following = False
        if growth.new or growth.replaced or growth.complaints != before:
            self.call_from_thread(self._grown, library, growth)

    def _grown(self, library: Library, growth: Growth) -> None:
        if library is not self.session.library:
            return
        if growth.replaced:
            self.session.cache.clear()
        for screen in self.screen_stack:
            if isinstance(screen, BrowseScreen):
                screen.grown()

    # examples

    @on(ExampleOpened)
    def _example_opened(self, event: ExampleOpened) -> None:
        """Look at one example, on the same screen as those before: making it again takes longer than all else."""
        if self._detail is None:
            self._detail = DetailScreen(self.session, event.key, event.tab)
            self.install_screen(self._detail, "detail")
        else:
            self._detail.turn_to(event.key, event.tab)
        self.push_screen(self._detail)

    @on(ComparisonWanted)
    def _comparison_wanted(self, event: ComparisonWanted) -> None:
        pair = self.session.pair_with(event.key)
        if isinstance(pair, Pair):
            self.push_screen(CompareScreen(self.session, pair))
        else:
            self.notify(pair, severity="warning")

    # export and copies

    @on(ExportWanted)
    def _export_wanted(self, event: ExportWanted) -> None:
        self._ask_export(self.session.chosen(event.keys))

    def _ask_export(self, chosen: list[int], *, name: str = "", complaint: str = "", overwrite: bool = False) -> None:
        """Ask where to write examples, and write them."""
        one = len(chosen) == 1
        what = self.session.library.title(chosen[0]) if one else f"{len(chosen):,} examples"
        name = name or suggested_name(what if one else "attributions") + ".html"
        screen = ExportScreen(name, what, complaint=complaint, overwrite=overwrite)
        self.push_screen(screen, partial(self._export_requested, chosen))

    def _export_requested(self, keys: list[int], request: ExportRequest | None) -> None:
        if request is not None:
            self._export(keys, request, self.session.drawing)

    @work(thread=True, group="export")
    def _export(self, keys: list[int], request: ExportRequest, drawing: Drawing) -> None:
        try:
            examples = [(self.session.cache.get(key), self.session.library.provenance(key)) for key in keys]
            written = export(examples, request.path, drawing, overwrite=request.overwrite)
        except InputError as error:
            there = Path(request.path).expanduser().exists() and not request.overwrite
            why = f"{request.path} is there already." if there else str(error)
            self.call_from_thread(partial(self._ask_export, keys, name=request.path, complaint=why, overwrite=there))
        except Exception as error:  # whatever a format's library raises is told, and the browser stays
            self.call_from_thread(
                partial(self.notify, str(error), title="Not exported", severity="error", markup=False, timeout=8)
            )
        else:
            words = f"{len(keys):,} example{'s' if len(keys) != 1 else ''} → {written}"
            self.call_from_thread(partial(self.notify, words, title="Exported", markup=False))

    @on(CopyWanted)
    def _copy_wanted(self, event: CopyWanted) -> None:
        """Put text on the clipboard, as far as the terminal lets us."""
        self.copy_to_clipboard(event.text.encode("utf-8", "backslashreplace").decode("utf-8"))
        self.notify(f"{len(event.text.removesuffix(chr(10)).split(chr(10)))} lines copied.", timeout=2)

    # tags and notes

    @on(RemarkWanted)
    def _remark_wanted(self, event: RemarkWanted) -> None:
        library = self.session.library
        key, tags = event.key, event.what == "tags"
        there = written(library.summary(key).tags) if tags else library.remark(key).note or ""
        place = library.notes_place(key)
        kept = f"Kept in {place}" if place is not None else "These results are in no file: kept until you leave"
        title = f"{'Tags' if tags else 'Note'} · {library.title(key)}"
        hint = "parted by commas, such as wrong, look again" if tags else "what you think of it"
        self.push_screen(RemarkScreen(title, there, hint, kept), partial(self._remark_given, key, tags))

    def _remark_given(self, key: int, tags: bool, text: str | None) -> None:
        if text is None:
            return
        library = self.session.library
        before = library.remark(key)
        remark = replace(before, tags=tags_of(text)) if tags else replace(before, note=text or None)
        if tags and not remark.tags and not library.file_tags(key):
            remark = replace(remark, tags=None)
        try:
            library.put_remark(key, remark)
        except (WherefromError, OSError) as error:
            self.notify(str(error), title="Not kept", severity="error", markup=False, timeout=8)
            return
        self.session.cache.clear()
        for screen in self.screen_stack:
            if isinstance(screen, BrowseScreen | DetailScreen):
                screen.remarked()

    # jumping

    def action_jump(self) -> None:
        """Letters over everything in sight that can be gone to."""
        if isinstance(self.screen, JumpScreen):
            return
        found = [
            evolve(target, x=target.x + widget.region.x, y=target.y + widget.region.y)
            for widget in self.screen.query("*").results(Widget)
            if isinstance(widget, HasTargets) and widget.display and widget.region
            for target in widget.jump_targets()
        ]
        if not found:
            self.notify("There is nothing here to jump to.", timeout=1.5)
            return
        self.push_screen(JumpScreen(dict(zip(labels(len(found)), found, strict=False))), self._jumped)

    def _jumped(self, target: Target | None) -> None:
        if target is not None:
            target.go()

    # sizes of panes

    @on(PaneSized)
    def _pane_sized(self, event: PaneSized) -> None:
        self._size_pane(event.pane, event.percent)

    def action_pane(self, by: int) -> None:
        """A larger or smaller side pane."""
        seen = [splitter for splitter in self.screen.query(Splitter) if splitter.display and splitter.region]
        if not seen:
            self.notify("There is no other pane here.", timeout=1.5)
            return
        percent = seen[0].shown_percent() + 5 * by
        self._size_pane(seen[0].pane, min(LARGEST, max(SMALLEST, percent)))

    def _size_pane(self, pane: str, percent: int) -> None:
        self.session.panes[pane] = percent
        for splitter in self.screen.query(Splitter):
            if splitter.pane == pane:
                splitter.apply(percent)

    # keys of every screen

    def action_next_theme(self) -> None:
        """The next theme, of those that the terminal has the colours for; everything is drawn anew in its colours."""
        place = self._themes.index(self.theme) if self.theme in self._themes else -1
        self.theme = self._themes[(place + 1) % len(self._themes)]
        self.notify(self.theme, timeout=1.5)

    def watch_theme(self, theme: str) -> None:
        """Scores are drawn in colours that fit the theme."""
        self.call_after_refresh(self._redraw)

    def action_help(self) -> None:
        """The keys of this screen and what its focused part shows."""
        if isinstance(self.screen, HelpScreen):
            return
        about = (self.focused.HELP if self.focused is not None else None) or ""
        self.push_screen(HelpScreen(name_of(self.screen), about, dict(self.settings.keys)))

    def action_settings(self) -> None:
        """Change settings live."""
        panes = {pane: percent for pane, percent in self.session.panes.items() if percent}
        current = evolve(self.settings, theme=self.theme, drawing=self.session.drawing, panes=panes)
        self.push_screen(SettingsScreen(current, self._apply))

    def _apply(self, drawing: Drawing) -> None:
        self.session.drawing = drawing
        self._redraw()

    def _redraw(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, DetailScreen | CompareScreen) and screen.is_mounted:
                screen.redraw()
            elif isinstance(screen, BrowseScreen) and screen.is_mounted:
                screen.on_screen_resume()
