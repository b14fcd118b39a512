"""Lines of a widget from pieces of text with shades."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def strip_of(pieces: Sequence[tuple[str, Style]], width: int, base: Style) -> Strip:
    """One line, exactly ``width`` columns, on ``base``."""
    strip = Strip([Segment(text, style) for text, style in pieces if text])
    return strip.adjust_cell_length(width).apply_style(base)
