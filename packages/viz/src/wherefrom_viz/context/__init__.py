"""Views of context attributions (`wherefrom.attribute_context`): console and HTML."""

from wherefrom_viz.context.console import ContextView, context_view, render_context_text
from wherefrom_viz.context.description import ContextPicture, describe
from wherefrom_viz.context.html import render_context_html

__all__ = ["ContextPicture", "ContextView", "context_view", "describe", "render_context_html", "render_context_text"]
