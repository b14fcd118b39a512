"""What screens are called in the keymap."""

from __future__ import annotations

from textual.screen import Screen


def name_of(screen: Screen[object]) -> str:
    """``"browse"`` for a `BrowseScreen`, and so on."""
    return type(screen).__name__.removesuffix("Screen").lower()
