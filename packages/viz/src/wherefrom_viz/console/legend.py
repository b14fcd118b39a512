"""The lines around a console view: what it shows, and what its colours and signs mean."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from wherefrom_viz.console.terminal_style import TerminalStyle
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import number_style
from wherefrom_viz.describe.text_marks import elide, visible


def heading(description: Description, width: int) -> Iterator[Text]:
    """Title and subtitle, one line."""
    parts = [visible(part) for part in (description.title, description.subtitle) if part]
    if not parts:
        return
    line = Text(elide(parts[0], width), style="bold")
    rest = " · ".join(parts[1:])
    if rest:
        line.append(elide(f"  {rest}", max(0, width - line.cell_len)), style="not bold dim")
    yield line


def legend(
    description: Description, terminal: TerminalStyle, width: int, *, cells: bool = True, bound: float | None = None
) -> Iterator[Text]:
    """The scale as a bar, the meaning of the sign, and how the numbers came about.

    Args:
        description: What was drawn.
        terminal: How it was drawn.
        width: Columns to stay within; lines are wrapped, not cut.
        cells: Were there matrix cells, so that ``·`` needs explaining?
        bound: The score of the strongest colour; None: that of single outputs.
    """
    bound = description.scale.bound if bound is None else bound
    style = number_style(bound)
    bar = Text()
    if description.words.signed:
        bar.append(style(-bound) + " ", style="dim")
        bar.append_text(_ramp(terminal, [step / 5 for step in range(-5, 6)]))
    else:
        bar.append("0 ", style="dim")
        bar.append_text(_ramp(terminal, [step / 10 for step in range(11)]))
    bar.append(" " + style(bound, plus=description.words.signed), style="dim")
    if style.note:
        bar.append(f" {style.note}", style="dim")
    if bar.cell_len + 3 + len(description.words.sentence) <= width:
        bar.append("   " + description.words.sentence)
        yield bar
    else:
        yield bar
        yield Text(description.words.sentence)
    yield Text(description.pipeline_words, style="dim")
    if cells and not description.visible[description.seen_rows()].all():
        yield Text("·  not visible to this step", style="dim")
    for note in description.notes:
        yield Text(f"note: {visible(note)}", style="dim")


def _ramp(terminal: TerminalStyle, strengths: list[float]) -> Text:
    bar = Text()
    for strength in strengths:
        bar.append(terminal.mark(strength) if terminal.level == "none" else "  ", style=terminal.style(strength))
    return bar
