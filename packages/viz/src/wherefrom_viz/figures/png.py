"""Figures as pixels."""

from __future__ import annotations

import re
from typing import Any

from wherefrom.errors import MissingDependencyError

from wherefrom_viz.describe.description import Shown
from wherefrom_viz.describe.options import check_options
from wherefrom_viz.figures.svg import render_svg


def render_png(attributions: Shown, *, scale: float = 3.0, **options: Any) -> bytes:
    """The SVG figure as pixels.

    Args:
        attributions: One or many.
        scale: Pixels per point; 3 is about 216 dpi.
        **options: As for `render_svg`.

    Raises:
        InputError: ``scale`` is not positive, and what `render_svg` raises.
        MissingDependencyError: ``resvg-py`` is not installed.
    """
    check_options(render_png, locals())
    try:
        import resvg_py
    except ImportError as error:
        raise MissingDependencyError(
            "Drawing a PNG needs the package resvg-py, which is not installed. "
            "Install it with: pip install 'wherefrom-viz[png]'. An SVG (to_svg) needs nothing more."
        ) from error
    drawn = render_svg(attributions, **options)
    size = re.search(r'width="([\d.]+)pt"', drawn)
    assert size is not None  # we wrote it a line above
    plain = drawn.replace('pt"', '"', 2)
    return bytes(resvg_py.svg_to_bytes(svg_string=plain, width=round(float(size[1]) * scale)))
