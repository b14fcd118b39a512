"""Views for the terminal: matrix, running text and tables, chosen by width, drawn with Rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherefrom._late import late

if TYPE_CHECKING:
    from wherefrom_viz.console.comparing import CompareView
    from wherefrom_viz.console.rendering import compare_view, console_for, console_view, render_console, render_text
    from wherefrom_viz.console.terminal_style import TerminalStyle, colour_level, terminal_style_for, terminal_theme
    from wherefrom_viz.console.view import ConsoleView

__all__ = [
    "CompareView",
    "ConsoleView",
    "TerminalStyle",
    "colour_level",
    "compare_view",
    "console_for",
    "console_view",
    "render_console",
    "render_text",
    "terminal_style_for",
    "terminal_theme",
]

_LATE = {
    "CompareView": "wherefrom_viz.console.comparing",
    "ConsoleView": "wherefrom_viz.console.view",
    "TerminalStyle": "wherefrom_viz.console.terminal_style",
    "colour_level": "wherefrom_viz.console.terminal_style",
    "compare_view": "wherefrom_viz.console.rendering",
    "console_for": "wherefrom_viz.console.rendering",
    "console_view": "wherefrom_viz.console.rendering",
    "render_console": "wherefrom_viz.console.rendering",
    "render_text": "wherefrom_viz.console.rendering",
    "terminal_style_for": "wherefrom_viz.console.terminal_style",
    "terminal_theme": "wherefrom_viz.console.terminal_style",
}
"""The line of progress lives below too, and needs none of these."""

__getattr__ = late(__name__, _LATE)
