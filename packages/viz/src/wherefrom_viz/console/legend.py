"""The lines around a console view: what it shows, and what its colours and signs mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rich.text import Text

from wherefrom_viz.console.terminal_style import TerminalStyle
from wherefrom_viz.describe.description import LEFT_OUT, Description
from wherefrom_viz.describe.numbers import range_ends
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
    description: Description,
    terminal: TerminalStyle,
    width: int,
    *,
    cells: bool = True,
    bound: float | None = None,
    shown: npt.NDArray[np.float64] | None = None,
    left_out: bool | None = None,
) -> Iterator[Text]:
    """The scale as a bar, the meaning of the sign, and how the numbers came about.

    Args:
        description: What was drawn.
        terminal: How it was drawn.
        width: Columns to stay within; lines are wrapped, not cut.
        cells: Were there matrix cells, so that ``·`` needs explaining?
        bound: The score of the strongest colour; None: that of single outputs.
        shown: The scores that were coloured; None: all.
        left_out: Were special and template tokens left out of something? None: as single outputs say.
    """
    bound = description.scale.bound if bound is None else bound
    low, high = range_ends(bound, description.scores if shown is None else shown, signed=description.words.signed)
    bar = Text()
    bar.append(low + " ", style="dim")
    if description.words.signed:
        bar.append_text(_ramp(terminal, [step / 5 for step in range(-5, 6)]))
    else:
        bar.append_text(_ramp(terminal, [step / 10 for step in range(11)]))
    bar.append(" " + high, style="dim")
    if bar.cell_len + 3 + len(description.words.sentence) <= width:
        bar.append("   " + description.words.sentence)
        yield bar
    else:
        yield bar
        yield Text(description.words.sentence)
    yield Text(description.pipeline_words, style="dim")
    if cells and not description.visible[description.seen_rows()].all():
        yield Text("·  not visible to this step", style="dim")
    if description.omits_special() if left_out is None else left_out:
        yield Text(LEFT_OUT, style="dim")
    for note in description.notes:
        yield Text(f"note: {visible(note)}", style="dim")


def _ramp(terminal: TerminalStyle, strengths: list[float]) -> Text:
    bar = Text()
    for strength in strengths:
        bar.append(terminal.mark(strength) if terminal.level == "none" else "  ", style=terminal.style(strength))
    return bar
