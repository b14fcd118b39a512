"""The line where text is searched and filters are written, with the mistake right under it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from wherefrom_viz.browser.history import History
from wherefrom_viz.describe.text_marks import visible


class FilterInput(Input):
    """A line whose arrows go up and down through what was written before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "past(-1)", "earlier filter", show=False),
        Binding("down", "past(1)", "later filter", show=False),
    ]
    history = History("filter")

    def action_past(self, by: int) -> None:
        """Write what was written before, or after."""
        self.value = self.history.step(by, self.value)
        self.cursor_position = len(self.value)

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable or event.key in ("backspace", "delete"):
            self.history.leave()
        await super()._on_key(event)


class FilterBar(Vertical):
    """An input and a line for errors. Hidden until it is used; the screen reads `Input.Changed`."""

    def compose(self) -> ComposeResult:
        """The input, and the error under it."""
        yield FilterInput(id="expression", compact=True)
        yield Static("", id="mistake", markup=False)

    @property
    def text(self) -> str:
        """What is written."""
        return self.query_one(Input).value

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """What is written was accepted by the reader: remember it. The screen is told next."""
        self.query_one(FilterInput).history.add(event.value)

    def open(self, prompt: str, kind: str) -> None:
        """Show the bar and put the text cursor in it.

        Args:
            prompt: What stands in an empty line.
            kind: Of the history that its arrows go through.
        """
        self.query_one(FilterInput).history = History(kind)
        self.add_class("used")
        self.display = True  # now, not when styles are next computed: what is typed at once belongs here
        field = self.query_one(Input)
        field.placeholder = prompt
        self.screen.set_focus(field)

    def close(self) -> None:
        """Empty it and hide it."""
        self.query_one(Input).value = ""
        self.complain("")
        self.remove_class("used")
        self.display = False

    def complain(self, mistake: str) -> None:
        """Show a mistake; an empty text takes it away."""
        self._say(mistake, wrong=True)

    def hint(self, words: str) -> None:
        """Show quietly what may come next."""
        self._say(words, wrong=False)

    def _say(self, words: str, *, wrong: bool) -> None:
        line = self.query_one("#mistake", Static)
        line.update(visible(words))
        line.set_class(bool(words) and wrong, "wrong")
        line.set_class(bool(words) and not wrong, "hint")
