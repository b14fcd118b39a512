"""Views of attributions: console, HTML pages, notebooks, figures. Reads results only; never runs a model."""

from __future__ import annotations

from wherefrom_viz import _moved
from wherefrom_viz.browser import browse
from wherefrom_viz.colours import PALETTES, Palette
from wherefrom_viz.console import compare_view, console_view, render_console, render_text
from wherefrom_viz.describe.comparison import Comparison, compare
from wherefrom_viz.describe.description import Description, describe
from wherefrom_viz.figures import (
    render_animation,
    render_frames,
    render_latex,
    render_markdown,
    render_pdf,
    render_png,
    render_svg,
    save_frames,
)
from wherefrom_viz.granular import render_granular
from wherefrom_viz.page import render_html, render_notebook, save_site

__all__ = [
    "PALETTES",
    "Comparison",
    "Description",
    "Palette",
    "browse",
    "compare",
    "compare_view",
    "console_view",
    "describe",
    "render_animation",
    "render_console",
    "render_frames",
    "render_granular",
    "render_html",
    "render_latex",
    "render_markdown",
    "render_notebook",
    "render_pdf",
    "render_png",
    "render_svg",
    "render_text",
    "save_frames",
    "save_site",
]

_moved.install()
