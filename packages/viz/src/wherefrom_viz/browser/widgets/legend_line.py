"""What the colours mean, and how the numbers came about: the two lines under every description."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.style_cache import StyleCache
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import number_style
from wherefrom_viz.describe.text_marks import elide, visible

_LEFT_OUT = "special and template tokens left out"
"""Of colours and strongest inputs, where that changes one of them; short, as the line is."""


class LegendLine(Static):
    """The scale as a bar, and the sign in words: side by side, or below each other in a pane."""

    def show(self, description: Description, drawing: Drawing, shades: StyleCache, bound: float) -> None:
        """Draw the legend of a description; ``bound`` is the score of the strongest colour."""
        bound /= drawing.intensity
        style = number_style(bound)
        signed = description.words.signed
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        text.append((style(-bound) if signed else "0") + " ", style="dim")
        steps = 5 if (self.size.width or 80) >= 100 else 3
        for step in range(-steps if signed else 0, steps + 1):
            text.append(shades.cell(step / steps), style=shades.style(step / steps))
        text.append(f" {style(bound, plus=signed)}{' ' + style.note if style.note else ''}", style="dim")
        text.append(("\n " if self.has_class("pane--legend") else "  ") + description.words.sentence)
        if drawing.intensity != 1:
            text.append(f"  intensity ×{drawing.intensity:g}", style="dim")
        self.update(text)


class PipelineLine(Static):
    """How raw scores became what is seen, and where the cursor is."""

    def show(self, description: Description, drawing: Drawing, place: str, *, left_out: bool = False) -> None:
        """Draw the pipeline of a description, and whether special and template tokens were left out of something."""
        width = self.size.width or 80
        right = f"{place} "
        words = pipeline_words(description, drawing)
        notes = [visible(note) for note in description.notes]
        left = " ".join([words, *(f"! {note}" for note in notes[:1])])
        room = width - len(right) - 3
        said = f" · {_LEFT_OUT}" if left_out else ""
        left = elide(left, max(10, room - len(said))) + said
        left = elide(left, max(10, room))
        text = Text(f" {left}", no_wrap=True, overflow="ellipsis")
        text.append(right.rjust(max(0, width - text.cell_len)), style="dim")
        self.update(text)


def pipeline_words(description: Description, drawing: Drawing) -> str:
    """The pipeline, the units and the scale in one line."""
    units = f"{drawing.granularity}s"
    scale = " · scale per step" if drawing.scale == "step" else ""
    return f"{units} · {description.pipeline_words}{scale}"
