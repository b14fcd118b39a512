"""Styles of scores, made once per shade instead of once per cell."""

from __future__ import annotations

import math
from typing import Any

from rich.style import Style
from textual.app import App

from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.colours import palette_named
from wherefrom_viz.console.terminal_style import FAINT, Level, TerminalStyle

_SHADES = 48


class StyleCache:
    """Draws strengths in [-1, 1] as one terminal shows them."""

    def __init__(self, terminal: TerminalStyle) -> None:
        self.terminal = terminal
        self._styles: dict[int, Style] = {}

    @property
    def colourless(self) -> bool:
        """Must signs and shades be written?"""
        return self.terminal.level == "none"

    def style(self, strength: float) -> Style:
        """The style of a strength; nothing for NaN and faint ones."""
        if math.isnan(strength):
            return Style.null()
        shade = round(strength * _SHADES)
        if shade not in self._styles:
            self._styles[shade] = self._made(shade / _SHADES)
        return self._styles[shade]

    def _made(self, strength: float) -> Style:
        if not self.colourless:
            return self.terminal.style(strength)
        size = abs(strength)
        if size < 0.2:
            return Style.null()
        return Style(bold=True, reverse=size >= 0.6, underline=size < 0.6)

    def sign(self, strength: float) -> str:
        """What a terminal without colour shows behind a token: its sign, twice if strong."""
        if not self.colourless or math.isnan(strength) or abs(strength) < 0.2:
            return ""
        return ("+" if strength > 0 else "-") * (2 if abs(strength) >= 0.6 else 1)

    def cell(self, strength: float) -> str:
        """The two columns of a compact matrix cell."""
        if self.colourless:
            return self.terminal.mark(strength)
        return "- " if strength <= -FAINT else "  "


def style_cache_for(app: App[Any], drawing: Drawing, level: Level | None = None) -> StyleCache:
    """The shades for what this terminal and theme can show, or for what ``level`` says it can."""
    theme = app.current_theme
    return StyleCache(
        TerminalStyle(
            palette=palette_named(drawing.palette),
            level=level or colour_level(app),
            theme="dark" if theme.dark else "light",
        )
    )


def colour_level(app: App[Any]) -> Level:
    """How many colours the terminal has that the application runs in."""
    system = app.console.color_system
    if app.no_color or system is None:
        return "none"
    if app.native_ansi_color:
        return "16"
    return {"truecolor": "truecolor", "256": "256"}.get(system, "16")  # type: ignore[return-value]
