"""Figures for papers and tables for documents: SVG, PNG, PDF, Markdown, LaTeX. The same input gives the same bytes."""

from wherefrom_viz.figures.pdf import render_pdf
from wherefrom_viz.figures.png import render_png
from wherefrom_viz.figures.sequence import render_animation, render_frames, save_frames
from wherefrom_viz.figures.svg import render_svg
from wherefrom_viz.figures.tables import render_latex, render_markdown

__all__ = [
    "render_animation",
    "render_frames",
    "render_latex",
    "render_markdown",
    "render_pdf",
    "render_png",
    "render_svg",
    "save_frames",
]
