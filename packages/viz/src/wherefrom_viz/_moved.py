"""Old import paths of views that have moved; see `wherefrom._moved`."""

from __future__ import annotations

from wherefrom import _moved

MOVED = {
    "comparison": "describe.comparison",
    "context.console": "console.context",
    "context.description": "describe.context",
    "context.html": "page.context",
    "console.ink": "console.terminal_style",
    "description": "describe.description",
    "html": "page",
    "numbers_shown": "describe.numbers",
    "spans": "describe.spans",
    "text_marks": "describe.text_marks",
    "units": "describe.units",
}
"""Old module to new one, without ``wherefrom_viz.`` in front."""


def install() -> None:
    """Let old paths be imported, once per process."""
    _moved.install("wherefrom_viz", MOVED)
