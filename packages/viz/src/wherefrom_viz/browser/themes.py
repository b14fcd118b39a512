"""Our own two themes, and the order in which themes are gone through."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="wherefrom",
    primary="#7aa2f7",
    secondary="#9aa5ce",
    accent="#e0af68",
    foreground="#d5d8e3",
    background="#16171b",
    surface="#1c1d21",
    panel="#26282f",
    success="#8fc9a0",
    warning="#e0af68",
    error="#f7768e",
    dark=True,
    variables={"footer-key-foreground": "#7aa2f7", "block-cursor-text-style": "none"},
)
LIGHT = Theme(
    name="wherefrom-light",
    primary="#2f5fb3",
    secondary="#5a6478",
    accent="#9a5b00",
    foreground="#22252b",
    background="#ffffff",
    surface="#ffffff",
    panel="#eceef2",
    success="#2d7a47",
    warning="#9a5b00",
    error="#b3261e",
    dark=False,
    variables={"footer-key-foreground": "#2f5fb3", "block-cursor-text-style": "none"},
)

CYCLE = (
    "wherefrom",
    "wherefrom-light",
    "nord",
    "gruvbox",
    "solarized-light",
    "solarized-dark",
    "ansi-dark",
    "ansi-light",
)
"""What the theme key goes through; the palette has all."""
