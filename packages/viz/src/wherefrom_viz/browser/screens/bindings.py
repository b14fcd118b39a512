"""The keymap as Textual wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.binding import Binding

from wherefrom_viz.browser.keymap import KEYS


def bindings(screen: str, footer: Sequence[str]) -> list[Any]:
    """The bindings of a screen.

    Args:
        screen: Its name in the table.
        footer: Ids that the footer shows; at most six.
    """
    return [
        Binding(
            key.keys,
            key.action,
            key.short or key.words,
            show=key.id in footer,
            id=key.id,
            priority=key.id in ("quit", "palette"),
        )
        for key in KEYS
        if screen in key.screens
    ]
