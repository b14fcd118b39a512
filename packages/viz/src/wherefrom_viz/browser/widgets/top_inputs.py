"""The inputs with the largest scores for what the cursor is on, with exact numbers."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text
from textual.widgets import Static

from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.style_cache import StyleCache
from wherefrom_viz.describe.description import Description, share_of
from wherefrom_viz.describe.numbers import short
from wherefrom_viz.describe.text_marks import cells, elide, isolate

PAIRS = 8
"""Pairs below the inputs."""


class TopInputs(Static):
    """A card at the side of wide windows, one line in narrow ones."""

    def show(
        self,
        description: Description,
        looking: Focus,
        drawing: Drawing,
        shades: StyleCache,
        bound: float,
        *,
        card: bool,
    ) -> None:
        """Draw the strongest inputs of the chosen columns, or the outputs an input drove.

        Args:
            bound: The score of the strongest colour, as the legend has it.
        """
        found = contributors(description, looking, _inputs(description) if card else 6)
        self.update(
            _card(description, looking, found, drawing, shades, bound, self.size.width or 30)
            if card
            else _line(description, looking, found, drawing, shades, bound, self.size.width or 80)
        )


class Contributor(NamedTuple):
    """An input, or an output that an input drove."""

    label: str
    score: float
    fading: float
    """What its colour is multiplied with; see `Description.fading`."""


def contributors(description: Description, looking: Focus, count: int) -> list[Contributor]:
    """The strongest first."""
    if not description.steps:
        return []
    if looking.row is not None:
        scores = description.scores[looking.row]
        order = sorted((c for c in range(len(description.steps)) if scores[c] != 0), key=lambda c: -abs(scores[c]))
        return [
            Contributor(description.steps[column].label, float(scores[column]), description.fading(column))
            for column in order[:count]
        ]
    faded = description.fading(*looking.columns)
    top = description.top(looking.columns, count)
    return [Contributor(description.inputs[row].label, score, faded) for row, score in top]


def _inputs(description: Description) -> int:
    """Inputs on the card: fewer where pairs stand below them."""
    return 12 if description.pair_labels else 40


def heading(description: Description, looking: Focus, width: int) -> str:
    """What the list is about."""
    if not description.steps:
        return "nothing was explained"
    if looking.row is not None:
        return f"{elide(description.inputs[looking.row].label, max(4, width - 10))} drove"
    names = " + ".join(description.steps[column].label for column in looking.columns)
    return f"{elide(names, max(4, width - 12))} comes from"


def exact(score: float, largest: float, precision: int) -> str:
    """A score with as many decimals as the largest of its list needs, so that they line up."""
    if not 1e-3 <= abs(largest) < 1e5:
        return short(score)
    return f"{score:.{max(0, precision - (0 if abs(largest) < 10 else 1 if abs(largest) < 100 else 2))}f}"


def _card(
    description: Description,
    looking: Focus,
    found: list[Contributor],
    drawing: Drawing,
    shades: StyleCache,
    bound: float,
    width: int,
) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(heading(description, looking, width) + "\n", style="bold")
    if not found:
        text.append("no input has a score", style="dim")
    for label, score, fading in found:
        number = exact(score, found[0][1], drawing.precision)
        if score > 0 and description.words.signed:
            number = "+" + number
        room = max(3, width - 11)
        name = elide(label, room)
        strength = share_of(score * drawing.intensity, bound) * fading
        text.append(number.rjust(9) + " ", style="dim")
        text.append(isolate(name), style=shades.style(strength))
        text.append("\n")
    if looking.row is None and description.pair_labels:
        _add_pairs(text, description, looking, drawing, width)
    return text


def _add_pairs(text: Text, description: Description, looking: Focus, drawing: Drawing, width: int) -> None:
    """The strongest pairs of the chosen columns, below the inputs."""
    found = description.top_pairs(looking.columns, PAIRS)
    text.append("top pairs\n", style="bold")
    for first, second, score in found:
        number = exact(score, found[0][2], drawing.precision)
        room = max(3, (width - 14) // 2)
        text.append(("+" + number if score > 0 else number).rjust(9) + " ", style="dim")
        text.append(f"{isolate(elide(first, room))} × {isolate(elide(second, room))}\n")


def _line(
    description: Description,
    looking: Focus,
    found: list[Contributor],
    drawing: Drawing,
    shades: StyleCache,
    bound: float,
    width: int,
) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" " + heading(description, looking, width // 3) + "  ", style="bold")
    for label, score, fading in found:
        number = short(float(f"{score:.2g}"))
        name = elide(label, 12)
        if text.cell_len + cells(name) + len(number) + 4 > width:
            break
        strength = share_of(score * drawing.intensity, bound) * fading
        text.append(isolate(name), style=shades.style(strength))
        text.append(f" {'+' if score > 0 and description.words.signed else ''}{number}  ", style="dim")
    return text
