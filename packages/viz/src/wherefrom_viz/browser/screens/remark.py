"""A line for the tags or the note of an example."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class RemarkScreen(ModalScreen[str | None]):
    """Gives what was written, an empty text too, or None.

    Args:
        title: What is asked.
        text: What stands there already.
        hint: In an empty line.
        where: Where it will be kept.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Cancel")]

    def __init__(self, title: str, text: str, hint: str, where: str) -> None:
        super().__init__()
        self._title, self._text, self._hint, self._where = title, text, hint, where

    def compose(self) -> ComposeResult:
        """One line to write on."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog--title", markup=False)
            yield Input(self._text, placeholder=self._hint, id="remark", compact=True)
            yield Static(self._where, classes="dim", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is it."""
        self.dismiss(event.value.strip())
