"""Pictures of results: in the terminal, and as a page. The drawing itself is `wherefrom_viz`'s."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherefrom.rendering import to_html

from wherefrom_cli.talk import Talk

if TYPE_CHECKING:
    from wherefrom import Attribution, Attributions

VIEWS = ("auto", "matrix", "read", "topk", "steps")


def print_attributions(out: Attributions | Attribution, talk: Talk, *, view: str = "auto", **options: Any) -> None:
    """Draw on stdout, as wide and as colourful as it can show."""
    from wherefrom_viz.console import console_view

    talk.console().print(console_view(out, view=view, **options))


def write_html(out: Attributions, path: Path, **options: Any) -> None:
    """Write one self-contained page."""
    path.write_text(to_html(out, **options), encoding="utf-8")
