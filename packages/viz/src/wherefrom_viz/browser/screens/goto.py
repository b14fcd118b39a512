"""A question for an id, a number or a line of the list."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class GotoScreen(ModalScreen[str | None]):
    """Gives what was written, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Cancel")]

    def compose(self) -> ComposeResult:
        """One line to write on."""
        with Vertical(classes="dialog small"):
            yield Static("Go to", classes="dialog--title")
            yield Input(placeholder="an id, #3, or a line of this list", id="goto", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is it."""
        self.dismiss(event.value.strip() or None)
