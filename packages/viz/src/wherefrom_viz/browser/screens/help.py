"""The keys of a screen, and what its focused part shows."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from wherefrom_viz.browser.keymap import keys_of, spoken

FILTERS = (
    ('sick "came home"', "the text contains these"),
    ("prob<0.2  minprob<0.1", "mean and smallest of a step score"),
    ("len>100  inputs<20  steps=5", "lengths in tokens"),
    ("method:ig  id:case  file:b", "names contain this"),
    ('has:"<unk>"', "a token is exactly this"),
    ("input~/regex/", "regular expressions"),
    ("share(context)>50%", "share of scores on a part (ctx)"),
    ("is:marked  tag:bad", "marks and tags"),
    ("label=3  label:part  label<4", "annotations of the data set"),
    ("column(any name)=value", "annotations of any name"),
    ("a or b, not c, -c, (…)", "combine them"),
)


class HelpScreen(ModalScreen[None]):
    """Dismissed by any of the keys that lead here, and Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "Close"),
        ("f1", "dismiss", "Close"),
        ("question_mark", "dismiss", "Close"),
        ("backspace", "dismiss", "Close"),
        ("enter", "dismiss", "Close"),
        ("q", "dismiss", "Close"),
    ]

    def __init__(self, screen: str, about: str, keymap: dict[str, str]) -> None:
        super().__init__()
        self._screen_name = screen
        self._about = about
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """What is seen, the keys, the filter language."""
        with VerticalScroll(classes="dialog wide", id="help"):
            yield Static(f"Help · {self._screen_name.capitalize()}", classes="dialog--title")
            if self._about:
                yield Static(self._about, markup=False, classes="dialog--text")
            yield Static(self._keys())
            if self._screen_name == "browse":
                yield Static("Filter language", classes="dialog--title")
                yield Static(self._filters())

    def _keys(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for key in keys_of(self._screen_name):
            keys = self._keymap.get(key.id, key.keys)
            table.add_row(Text(spoken(keys), style="bold", justify="right"), Text(key.words))
        return table

    def _filters(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for example, words in FILTERS:
            table.add_row(Text(example, style="bold"), Text(words))
        return table
