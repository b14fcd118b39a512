"""Views of context attributions (`wherefrom.attribute_context`): console and HTML."""

from wherefrom_viz.console.context import ContextView, context_view, render_context_text
from wherefrom_viz.describe.context import ContextDescription, describe
from wherefrom_viz.page.context import render_context_html

__all__ = [
    "ContextDescription",
    "ContextView",
    "context_view",
    "describe",
    "render_context_html",
    "render_context_text",
]
