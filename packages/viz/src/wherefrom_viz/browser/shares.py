"""How the scores of an example are divided between the blocks of its inputs, whatever units and scale are shown."""

from __future__ import annotations

from wherefrom.results.attribution import Attribution
from wherefrom.results.shares import share_on

from wherefrom_viz.describe.description import Description


def shares_of_sections(one: Attribution, drawn: Description) -> list[tuple[str, float]]:
    """Title of each block of inputs, and its share of all scores as `share_on` has it; nothing where there is none."""
    titles = [title for title, _ in drawn.sections()]
    first = share_on(one, titles[0]) if titles else None
    return [] if first is None else list(zip(titles, (first, 1 - first), strict=False))
