"""Palette, scale, precision, wrapping and the rest, changed live; and the lines that keep them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import evolve, frozen
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from wherefrom_viz.browser.drawing import AGGREGATIONS, NORMALIZATIONS, SCALES, Drawing
from wherefrom_viz.browser.settings import Settings, as_toml, configuration_file
from wherefrom_viz.colours import PALETTES
from wherefrom_viz.describe.units import LEVELS


@frozen
class Choice:
    """A setting and its values in the order in which they are gone through."""

    name: str
    values: tuple[Any, ...]
    words: str


CHOICES = (
    Choice("palette", tuple(PALETTES), "colours of scores that raise and lower"),
    Choice("scale", SCALES, "colours span the example's scores, or each step's"),
    Choice("intensity", (0.5, 1.0, 1.5, 2.0, 3.0, 4.0), "colours stronger than the scores"),
    Choice("granularity", LEVELS, "units of inputs and outputs"),
    Choice("aggregation", AGGREGATIONS, "how scores are combined"),
    Choice("normalization", NORMALIZATIONS, "what scores are shares of"),
    Choice("precision", (2, 3, 4, 6), "digits of single numbers"),
    Choice("wrap", (0, 60, 72, 90), "columns of running text; 0: the window's"),
)


class SettingsScreen(ModalScreen[None]):
    """Left and right, or Enter, change the setting under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "Close"),
        ("f2", "dismiss", "Close"),
        ("backspace", "dismiss", "Close"),
        ("left,h", "change(-1)", "Before"),
        ("right,l,space", "change(1)", "Next"),
        ("j", "move(1)", "Down"),
        ("k", "move(-1)", "Up"),
    ]

    def __init__(self, settings: Settings, apply: Callable[[Drawing], None]) -> None:
        super().__init__()
        self.settings = settings
        self._apply = apply

    def compose(self) -> ComposeResult:
        """The settings, and how to keep them."""
        with Vertical(classes="dialog", id="settings"):
            yield Static("Settings", classes="dialog--title")
            yield OptionList(id="choices", compact=True)
            yield Static("", id="keep", markup=False, classes="dim")

    def on_mount(self) -> None:
        """Show the values."""
        self._list()
        self.query_one(OptionList).focus()

    def _list(self) -> None:
        options = self.query_one(OptionList)
        here = options.highlighted or 0
        options.clear_options()
        for choice in CHOICES:
            value = getattr(self.settings.drawing, choice.name)
            text = Text(f"{choice.name:<14}", no_wrap=True, overflow="ellipsis")
            text.append(f"‹ {value} ›".ljust(18), style="bold")
            text.append(choice.words, style="dim")
            options.add_option(Option(text))
        options.highlighted = here
        kept = as_toml(self.settings)
        words = f"To keep them, write into {configuration_file()}:\n{kept}" if "\n" in kept else "As usual."
        self.query_one("#keep", Static).update(words)

    def on_option_list_option_selected(self) -> None:
        """Enter changes, too."""
        self.action_change(1)

    def action_move(self, by: int) -> None:
        """Another setting."""
        options = self.query_one(OptionList)
        options.highlighted = ((options.highlighted or 0) + by) % len(CHOICES)

    def action_change(self, by: int) -> None:
        """The next value, or the one before."""
        choice = CHOICES[self.query_one(OptionList).highlighted or 0]
        value = getattr(self.settings.drawing, choice.name)
        place = choice.values.index(value) if value in choice.values else 0
        new = choice.values[(place + by) % len(choice.values)]
        changes: dict[str, Any] = {choice.name: new}
        self.settings = evolve(self.settings, drawing=evolve(self.settings.drawing, **changes))
        self._apply(self.settings.drawing)
        self._list()
