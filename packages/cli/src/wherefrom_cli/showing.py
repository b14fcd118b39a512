"""Drawings of results: in the terminal, and as pages and figures. The drawing itself is `wherefrom_viz`'s."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherefrom.files.wire.bytes import write_whole
from wherefrom.results.rendering import DRAWN, render

from wherefrom_cli.console import Console

if TYPE_CHECKING:
    from wherefrom import Attribution, Attributions

VIEWS = ("auto", "matrix", "read", "topk", "steps", "trace")


def print_attributions(
    out: Attributions | Attribution, console: Console, *, view: str = "auto", **options: Any
) -> None:
    """Draw on stdout, as wide and as colourful as it can show."""
    from wherefrom_viz.console import console_view

    console.rich_console().print(console_view(out, view=view, **options))


def drawn(out: Attributions, ending: str, **options: Any) -> bytes:
    """The content of a file of that kind."""
    drawn = render(out, DRAWN[ending], **options)
    return drawn if isinstance(drawn, bytes) else str(drawn).encode("utf-8")


def write_html(out: Attributions, path: Path, *, overwrite: bool, **options: Any) -> None:
    """Write one self-contained page."""
    write_whole(path, [drawn(out, ".html", **options)], overwrite=overwrite)
