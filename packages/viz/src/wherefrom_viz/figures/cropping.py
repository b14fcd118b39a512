"""Parts of a description, for figures that show some of it: chosen outputs, the strongest inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve
from wherefrom.errors import SettingsError, nearest

from wherefrom_viz.describe.description import Description, counted
from wherefrom_viz.describe.options import checked_steps

VIEWS = ("auto", "matrix", "read")
"""What figures draw: the matrix, or the text in colours."""


def checked_view(view: str) -> bool:
    """Is the text wanted, and not the matrix?

    Raises:
        SettingsError: Figures have no such view.
    """
    if view not in VIEWS:
        raise SettingsError(
            f"Figures have no view {view!r}.{nearest(view, VIEWS)} There are: 'matrix' (also 'auto') and 'read', the "
            "text in colours."
        )
    return view == "read"


def cropped(description: Description, top: int | None = None, steps: Sequence[int] | None = None) -> Description:
    """The description with chosen outputs only, and of the inputs those that matter most to them.

    Args:
        description: What to crop.
        top: How many inputs to keep, by their largest magnitude, special tokens and template parts left out unless
            there is nothing else; None keeps all.
        steps: Outputs to keep, counted from 0, negative ones from the end; None keeps all.

    Raises:
        InputError: There is no such output.
    """
    if steps is not None:
        description = description.with_steps(checked_steps(steps, len(description.steps)))
    rows = description.seen_rows()
    if top is None or len(rows) <= top:
        return description
    sizes = np.abs(np.where(description.visible, description.scores, 0.0)).max(axis=1, initial=0.0)
    said = counted(description.inputs)
    among = [row for row in rows if said[row]] or rows
    strongest = sorted(among, key=lambda row: (-sizes[row], row))[:top]
    visible = np.zeros_like(description.visible)
    visible[strongest] = description.visible[strongest]
    without = ", special and template tokens left out" if len(among) < len(rows) else ""
    note = f"the {len(strongest)} strongest of {len(rows)} inputs{without}"
    return evolve(description, visible=visible, pipeline=(*description.pipeline, note))
