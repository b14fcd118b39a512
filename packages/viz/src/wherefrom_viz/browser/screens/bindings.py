"""The keymap as Textual wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.binding import Binding

from wherefrom_viz.browser.keymap import KEYS, Key


def bindings(screen: str, footer: Sequence[str]) -> list[Any]:
    """The bindings of a screen.

    Args:
        screen: Its name in the table.
        footer: Ids that the footer shows; at most six.
    """
    return [one for key in KEYS if screen in key.screens for one in _bindings_of(key, show=key.id in footer)]


def _bindings_of(key: Key, *, show: bool) -> list[Binding]:
    """One binding; or two, where keys that no text has in it work while text is typed, and others do not."""
    words = key.short or key.words
    if key.id not in ("quit", "palette"):
        return [Binding(key.keys, key.action, words, show=show, id=key.id)]
    names = key.keys.split(",")
    always = ",".join(name for name in names if name.startswith("ctrl+"))
    typed = ",".join(name for name in names if not name.startswith("ctrl+"))
    found = [Binding(always, key.action, words, show=show, id=key.id, priority=True)]
    return found + ([Binding(typed, key.action, words, show=False, id=key.id)] if typed else [])
