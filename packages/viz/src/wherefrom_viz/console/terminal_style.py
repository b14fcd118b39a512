"""What a terminal can show of a score: a background, a colour of its own table, or a shade block with a sign."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Literal, TypeAlias

from attrs import frozen
from rich.color import Color
from rich.console import Console
from rich.style import Style

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette, Theme

Level: TypeAlias = Literal["none", "16", "256", "truecolor"]

FAINT = 0.04
"""Scores weaker than this share of the scale get no colour."""

_BLOCKS = " ░▒▓█"


@frozen(kw_only=True)
class TerminalStyle:
    """Draws scores, scaled to [-1, 1], on one terminal."""

    palette: Palette
    level: Level
    theme: Theme

    def style(self, strength: float) -> Style:
        """Background and text colour of a cell. A new object each time: Rich stores escape codes on styles."""
        if self.level == "none" or abs(strength) < FAINT:
            return Style()
        sign, size = (1 if strength >= 0 else -1), min(1.0, abs(strength))
        if self.level == "truecolor":
            background = self.palette.ramp(sign, self.theme)(0.06 + 0.94 * size)
            return Style(color=_rgb(colours.text_on(background)), bgcolor=_rgb(background))
        if self.level == "256":
            steps = _table_steps(self.palette.name, sign, self.theme)
            index = steps[min(len(steps) - 1, int(size * len(steps)))]
            text = 16 if colours.text_on(colours.cube_colour(index)) == colours.BLACK else 231
            return Style(color=Color.from_ansi(text), bgcolor=Color.from_ansi(index))
        name = self.palette.ansi[0 if sign > 0 else 1]
        if size < 1 / 3:
            return Style(color=f"bright_{name}")
        if size < 2 / 3:
            return Style(color="bright_white", bgcolor=name)
        return Style(color="black", bgcolor=f"bright_{name}", bold=True)

    def mark(self, strength: float) -> str:
        """The score without colour: its sign and a shade block, two cells wide."""
        if abs(strength) < FAINT:
            return "  "
        shade = _BLOCKS[min(4, 1 + int(abs(strength) * 4))]
        return ("+" if strength >= 0 else "-") + shade


def terminal_style_for(console: Console, palette: Palette, theme: Theme | None = None) -> TerminalStyle:
    """The style for what ``console`` can show; ``theme`` is guessed from the terminal if not given."""
    return TerminalStyle(palette=palette, level=colour_level(console), theme=theme or terminal_theme())


def colour_level(console: Console) -> Level:
    """How many colours ``console`` will write."""
    if console.no_color or console.color_system is None:
        return "none"
    levels: dict[str, Level] = {"truecolor": "truecolor", "256": "256"}
    return levels.get(console.color_system, "16")


def terminal_theme() -> Theme:
    """Is the terminal light or dark?

    Some terminals say it in ``COLORFGBG``; ``WHEREFROM_BACKGROUND=light`` decides it for the others. Else:
    dark.
    """
    wanted = os.environ.get("WHEREFROM_BACKGROUND", "").lower()
    if wanted in ("light", "dark"):
        return "light" if wanted == "light" else "dark"
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background in ("7", "15") else "dark"


def _rgb(colour: colours.Rgb) -> Color:
    return Color.from_rgb(*colour)


@lru_cache(maxsize=32)
def _table_steps(palette: str, sign: int, theme: Theme) -> tuple[int, ...]:
    return colours.terminal_steps(colours.PALETTES[palette].ramp(sign, theme))
