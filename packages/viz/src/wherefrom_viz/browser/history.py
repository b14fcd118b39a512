"""Filters and searches that were used lately, kept between sessions like the list of recent files."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field
from wherefrom.files.user_places import state_folder

from wherefrom_viz.browser.state_files import read_state, write_state

MOST = 50


def history_file() -> Path:
    """Where they are kept."""
    return state_folder() / "filters.json"


@define
class History:
    """Texts of one kind, the latest last, and a place in them while the reader goes through them."""

    kind: str
    """``"filter"`` or ``"search"``."""
    _place: int | None = field(default=None, init=False)
    _typed: str = field(default="", init=False)

    def add(self, text: str) -> None:
        """Note what was used."""
        self._place = None
        if not text.strip():
            return
        held = _all()
        own = [one for one in held.get(self.kind, []) if one != text]
        held[self.kind] = [*own, text][-MOST:]
        write_state(history_file(), held)

    def step(self, by: int, typed: str) -> str:
        """The text ``by`` places after what stands there now, before it if negative; after the latest, what was typed.

        Args:
            typed: What stands in the line; kept when the reader leaves it for the past.
        """
        texts = _all().get(self.kind, [])
        if self._place is None:
            self._typed, self._place = typed, len(texts)
        self._place = min(len(texts), max(0, self._place + by))
        return texts[self._place] if self._place < len(texts) else self._typed

    def leave(self) -> None:
        """The reader writes again: the next step begins at the latest."""
        self._place = None


def _all() -> dict[str, list[str]]:
    held = read_state(history_file())
    if not isinstance(held, dict):
        return {}
    return {
        kind: [one for one in texts if isinstance(one, str)] for kind, texts in held.items() if isinstance(texts, list)
    }
