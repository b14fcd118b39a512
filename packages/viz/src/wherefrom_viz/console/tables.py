"""Two tables with a line per output token: its strongest inputs, and its step scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.text import Text

from wherefrom_viz.console.terminal_style import TerminalStyle
from wherefrom_viz.describe.description import Description, style_of
from wherefrom_viz.describe.numbers import aligned
from wherefrom_viz.describe.options import checked_steps
from wherefrom_viz.describe.running_text import heights
from wherefrom_viz.describe.text_marks import cells, elide, isolate, pad

DOUBTFUL = 0.1
"""Probability below which the steps table flags a token."""
_BAR = " ▏▎▍▌▋▊▉█"
_BAR_WIDTH = 8
_NO_ROOM = "not shown for lack of width: "


def strongest(
    description: Description, terminal: TerminalStyle, width: int, columns: Sequence[int] | None = None, count: int = 5
) -> Iterator[Text]:
    """Token, probability, and as many of its ``count`` strongest inputs as fit, with signed values."""
    style = style_of(description)
    chosen = range(len(description.steps)) if columns is None else columns
    token_width = min(max([cells(description.steps[c].label) for c in chosen] + [5], default=5), max(8, width // 5))
    name, values = _probability(description)
    written = [] if values is None else aligned(values)
    head = Text(pad("token", token_width) + ("  " + pad(name, 5, right=True) if name else ""), style="bold")
    head.append("  " + style.heading("strongest inputs"), style="bold")
    yield head
    starved = False
    for column in chosen:
        line = Text(" " * 0)
        label = elide(description.steps[column].label, token_width)
        faded = description.fading(column) < 1.0
        line.append(isolate(label) + " " * (token_width - cells(label)), style="dim" if faded else "bold")
        if values is not None:
            line.append("  " + pad(written[column], 5, right=True))
        begins, top = line.cell_len, description.top([column], count)
        for row, score in top:
            number = style(score, plus=description.words.signed)
            name_shown = elide(description.inputs[row].label, 14)
            if line.cell_len + 4 + cells(name_shown) + len(number) > width:
                break
            strength = description.strength(score, column)
            line.append("  ")
            line.append(f" {isolate(name_shown)} ", style=terminal.style(strength))
            line.append(number, style="" if terminal.level == "none" else "dim")
        starved |= bool(top) and line.cell_len == begins
        yield line
    if starved:
        yield Text(_NO_ROOM + "strongest inputs", style="dim")


def step_table(
    description: Description, terminal: TerminalStyle, width: int, columns: Sequence[int] | None = None
) -> Iterator[Text]:
    """One line per output token: every step score right-aligned, a bar, and a flag where it is improbable. ``columns``:
    of these alone."""
    if not description.step_scores:
        yield Text("There are no step scores. Ask for them with step_scores=['probability', 'entropy'].", style="dim")
        return
    index_width = len(str(len(description.steps)))
    names = list(description.step_scores)
    texts = {name: aligned(description.step_scores[name]) for name in names}
    widths = {name: max([cells(name), *(len(text) for text in texts[name])]) for name in names}
    chosen = range(len(description.steps)) if columns is None else checked_steps(columns, len(description.steps))
    token_width = min(max([cells(description.steps[c].label) for c in chosen] + [5]), max(8, width // 4))
    fixed = index_width + 2 + token_width
    shown = _fitting_names(names, widths, width - fixed)
    head = Text(pad("#", index_width, right=True) + "  " + pad("token", token_width), style="bold")
    for name in shown:
        head.append("  " + pad(name, widths[name], right=True) + " " * (_BAR_WIDTH + 1), style="bold")
    yield head
    _, probability = _probability(description)
    for column in chosen:
        label = elide(description.steps[column].label, token_width)
        line = Text(pad(str(column + 1), index_width, right=True) + "  ", style="dim")
        line.append(isolate(label) + " " * (token_width - cells(label)), style="bold not dim")
        for name in shown:
            line.append("  " + pad(texts[name][column], widths[name], right=True) + " ", style="not dim")
            drawn = step_bar(description, name, column, _BAR_WIDTH)
            line.append(drawn, style="dim" if terminal.level == "none" else "cyan")
        if probability is not None and float(probability[column]) < DOUBTFUL and line.cell_len + 5 <= width:
            line.append(" low", style="bold" if terminal.level == "none" else "bold yellow")
        yield line
    if len(shown) < len(names):
        yield Text(f"{_NO_ROOM}{', '.join(n for n in names if n not in shown)}", style="dim")


def step_bar(description: Description, name: str, column: int, width: int) -> str:
    """A bar of a step score, of its magnitude: the sign stands in its number."""
    return bar(abs(float(heights(description, name)[column])), width)


def bar(share: float, width: int) -> str:
    """A horizontal bar of ``share`` of ``width`` columns, in eighths."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return pad("█" * full + (_BAR[rest] if rest else ""), width)


def _probability(description: Description) -> tuple[str, np.ndarray | None]:
    if "probability" in description.step_scores:
        return "prob", np.asarray(description.step_scores["probability"])
    return "", None


def _fitting_names(names: list[str], widths: dict[str, int], room: int) -> list[str]:
    shown: list[str] = []
    for name in names:
        room -= widths[name] + _BAR_WIDTH + 3
        if room < 0 and shown:
            break
        shown.append(name)
    return shown
