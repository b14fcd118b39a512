"""The lines around a console view: what it shows, and what its colours and signs mean."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from wherefrom_viz.console.ink import Ink
from wherefrom_viz.description import Description
from wherefrom_viz.numbers_shown import number_style
from wherefrom_viz.text_marks import elide, visible


def heading(picture: Description, width: int) -> Iterator[Text]:
    """Title and subtitle, one line."""
    parts = [visible(part) for part in (picture.title, picture.subtitle) if part]
    if not parts:
        return
    line = Text(elide(parts[0], width), style="bold")
    rest = " · ".join(parts[1:])
    if rest:
        line.append(elide(f"  {rest}", max(0, width - line.cell_len)), style="not bold dim")
    yield line


def legend(picture: Description, ink: Ink, width: int, *, cells: bool = True) -> Iterator[Text]:
    """The scale as a bar, the meaning of the sign, and how the numbers came about.

    Args:
        picture: What was drawn.
        ink: How it was drawn.
        width: Columns to stay within; lines are wrapped, not cut.
        cells: Were there matrix cells, so that ``·`` needs explaining?
    """
    style = number_style(picture.scale.bound)
    bar = Text()
    if picture.words.signed:
        bar.append(style(-picture.scale.bound) + " ", style="dim")
        bar.append_text(_ramp(ink, [step / 5 for step in range(-5, 6)]))
    else:
        bar.append("0 ", style="dim")
        bar.append_text(_ramp(ink, [step / 10 for step in range(11)]))
    bar.append(" " + style(picture.scale.bound, plus=picture.words.signed), style="dim")
    if style.note:
        bar.append(f" {style.note}", style="dim")
    if bar.cell_len + 3 + len(picture.words.sentence) <= width:
        bar.append("   " + picture.words.sentence)
        yield bar
    else:
        yield bar
        yield Text(picture.words.sentence)
    yield Text(picture.pipeline_words, style="dim")
    if cells and not picture.visible[picture.seen_rows()].all():
        yield Text("·  not visible to this step", style="dim")
    for note in picture.notes:
        yield Text(f"note: {visible(note)}", style="dim")


def _ramp(ink: Ink, strengths: list[float]) -> Text:
    bar = Text()
    for strength in strengths:
        bar.append(ink.mark(strength) if ink.level == "none" else "  ", style=ink.style(strength))
    return bar
