"""What can be drawn into a file, by the ending of its name: for the command line and the terminal browser alike."""

from __future__ import annotations

from collections.abc import Mapping

DRAWN: Mapping[str, str] = {
    ".html": "html",
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".md": "markdown",
    ".tex": "latex",
    ".txt": "text",
}
"""Ending to the name of the renderer; see `wherefrom.results.rendering.render`."""
COLOURED = (".html", ".svg", ".png", ".pdf", ".tex")
"""Those whose renderers take a palette."""
