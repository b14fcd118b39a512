"""Views of attributions: console, HTML pages, notebooks, figures. Reads results only; never runs a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherefrom._late import late

from wherefrom_viz import _moved
from wherefrom_viz.describe.description import Description, describe

if TYPE_CHECKING:
    from wherefrom_viz.browser import browse
    from wherefrom_viz.colours import PALETTES, Palette
    from wherefrom_viz.console import compare_view, console_view, render_console, render_text
    from wherefrom_viz.describe.comparison import Comparison, compare
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

_LATE = {
    "PALETTES": "wherefrom_viz.colours",
    "Comparison": "wherefrom_viz.describe.comparison",
    "Palette": "wherefrom_viz.colours",
    "browse": "wherefrom_viz.browser",
    "compare": "wherefrom_viz.describe.comparison",
    "compare_view": "wherefrom_viz.console",
    "console_view": "wherefrom_viz.console",
    "render_animation": "wherefrom_viz.figures",
    "render_console": "wherefrom_viz.console",
    "render_frames": "wherefrom_viz.figures",
    "render_granular": "wherefrom_viz.granular",
    "render_html": "wherefrom_viz.page",
    "render_latex": "wherefrom_viz.figures",
    "render_markdown": "wherefrom_viz.figures",
    "render_notebook": "wherefrom_viz.page",
    "render_pdf": "wherefrom_viz.figures",
    "render_png": "wherefrom_viz.figures",
    "render_svg": "wherefrom_viz.figures",
    "render_text": "wherefrom_viz.console",
    "save_frames": "wherefrom_viz.figures",
    "save_site": "wherefrom_viz.page",
}
"""A line of progress should not wait for pages and figures. `describe` is no such name: its package has the same."""

__getattr__ = late(__name__, _LATE)

_moved.install()
