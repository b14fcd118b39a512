"""The line where text is searched and filters are written, with the mistake right under it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from wherefrom_viz.describe.text_marks import visible


class FilterBar(Vertical):
    """An input and a line for errors. Hidden until it is used; the screen reads `Input.Changed`."""

    def compose(self) -> ComposeResult:
        """The input, and the error under it."""
        yield Input(id="expression", compact=True)
        yield Static("", id="mistake", markup=False)

    @property
    def text(self) -> str:
        """What is written."""
        return self.query_one(Input).value

    def open(self, prompt: str) -> None:
        """Show the bar and put the text cursor in it."""
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
