"""Attributions as one interactive HTML page, or as the output of a notebook cell. No network, no framework."""

from wherefrom_viz.page.document import NOTEBOOK_BYTES, render_html, render_notebook
from wherefrom_viz.page.packing import pack, unpack
from wherefrom_viz.page.quantisation import Precision

__all__ = ["NOTEBOOK_BYTES", "Precision", "pack", "render_html", "render_notebook", "unpack"]
