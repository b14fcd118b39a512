"""Attributions as one interactive HTML page, or as the output of a notebook cell. No network, no framework."""

from wherefrom_viz.page.document import NOTEBOOK_BYTES, render_html, render_notebook
from wherefrom_viz.page.packing import pack, unpack
from wherefrom_viz.page.quantisation import Precision
from wherefrom_viz.page.site import save_site

__all__ = ["NOTEBOOK_BYTES", "Precision", "pack", "render_html", "render_notebook", "save_site", "unpack"]
