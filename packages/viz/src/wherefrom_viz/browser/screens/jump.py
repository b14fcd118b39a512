"""Jump mode: letters over every example, output token or prompt in sight; typing them goes there."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from wherefrom_viz.browser.jumping import Target


class JumpScreen(ModalScreen[Target | None]):
    """Gives what was chosen, or None; a key that leads nowhere leaves.

    Args:
        targets: Label to what it leads to, places as on the screen.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        super().__init__()
        self.targets = dict(targets)
        self._typed = ""

    def compose(self) -> ComposeResult:
        """A label over each target."""
        for text, target in self.targets.items():
            label = Static(text, classes="jump--letter", markup=False)
            label.styles.offset = (target.x, target.y)
            label.styles.width = len(text)
            yield label

    async def on_key(self, event: events.Key) -> None:
        """The next letter of a label, or away."""
        event.stop()
        self._typed += event.character or "\n"
        if self._typed in self.targets:
            self.dismiss(self.targets[self._typed])
        elif not any(text.startswith(self._typed) for text in self.targets):
            self.dismiss(None)

    def on_click(self) -> None:
        """A click leaves."""
        self.dismiss(None)
