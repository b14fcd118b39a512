"""Figures as PDF, which pdfLaTeX includes."""

from __future__ import annotations

from typing import Any

from wherefrom.errors import MissingDependencyError

from wherefrom_viz.describe.description import Shown
from wherefrom_viz.figures.svg import render_svg


def render_pdf(attributions: Shown, **options: Any) -> bytes:
    """The SVG figure as one page of its own size.

    Args:
        attributions: One or many.
        **options: As for `render_svg`.

    Raises:
        MissingDependencyError: ``cairosvg``, or the cairo library it draws with, is not installed.
    """
    try:
        import cairosvg
    except (ImportError, OSError) as error:  # OSError: the package is there, cairo is not
        raise MissingDependencyError(
            "Drawing a PDF needs the package cairosvg and the cairo library, which are not installed. "
            "Install them with: pip install 'wherefrom-viz[pdf]' (and libcairo2 from your system). An SVG (to_svg) "
            "needs nothing more."
        ) from error
    drawn: bytes = cairosvg.svg2pdf(bytestring=render_svg(attributions, **options).encode("utf-8"))  # pyright: ignore[reportAssignmentType]
    return drawn
