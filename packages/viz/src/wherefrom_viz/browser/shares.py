"""How much of an example's scores lies on a part of its inputs."""

from __future__ import annotations

import numpy as np
from wherefrom.attribution import Attribution

from wherefrom_viz.browser.drawing import Drawing, prepared
from wherefrom_viz.description import Description, score_rows


def share_on(attribution: Attribution, part: str) -> float | None:
    """Share of the magnitude of all visible scores, in [0, 1]; None if there is no such part, or no score.

    Args:
        attribution: The example.
        part: Label or kind of a segment; else ``"source"``, ``"prompt"``, ``"output"``, or ``"context"``, which is
            the documents if there are any, else the source or prompt.
    """
    scores, visible, sides, _ = score_rows(prepared(attribution, Drawing()), [])
    chosen = np.zeros(len(scores), dtype=bool)
    found = False
    for side in sides:
        for segment in attribution.segments:
            named = part in (segment.label.casefold(), segment.kind.casefold())
            if segment.side == side.name and (named or (part == "context" and segment.kind == "document")):
                chosen[side.start + segment.start : side.start + segment.end] = True
                found = True
        if found:
            continue
        if side.name == "source" and part in ("source", "context", "input"):
            chosen[side.start : side.end] = True
        elif side.name == "target" and part == "output":
            chosen[side.start + attribution.attr_pos_start : side.end] = True
        elif side.name == "target" and (part == "prompt" or (part in ("context", "input") and len(sides) == 1)):
            chosen[side.start : side.start + attribution.attr_pos_start] = True
    magnitudes = np.abs(np.where(visible & np.isfinite(scores), scores, 0.0))
    total = float(magnitudes.sum())
    if not chosen.any() or total == 0:
        return None
    return float(magnitudes[chosen].sum()) / total


def shares_of_sections(picture: Description) -> list[tuple[str, float]]:
    """Title of each block of inputs, and its share of all scores' magnitude."""
    total = float(np.abs(picture.scores).sum())
    return [
        (title, float(np.abs(picture.scores[rows]).sum()) / total if total else 0.0)
        for title, rows in picture.sections()
    ]
