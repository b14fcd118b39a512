"""Parts of a description, for figures that show some of it: chosen outputs, the strongest inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve
from wherefrom.errors import InputError, SettingsError, nearest

from wherefrom_viz.describe.description import Description

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
        top: How many inputs to keep, by their largest magnitude; None keeps all.
        steps: Outputs to keep, counted from 0, negative ones from the end; None keeps all.

    Raises:
        InputError: There is no such output, or ``top`` is not positive.
    """
    if steps is not None:
        count = len(description.steps)
        wrong = [step for step in steps if not -count <= step < count]
        if wrong or not steps:
            raise InputError(f"steps={list(steps)!r}: the outputs of this example are 0 to {count - 1}. Choose some.")
        kept = [step % count for step in steps]
        description = evolve(
            description,
            steps=tuple(description.steps[step] for step in kept),
            scores=description.scores[:, kept],
            visible=description.visible[:, kept],
            finite=description.finite[:, kept],
            step_scores={name: values[kept] for name, values in description.step_scores.items()},
            doubtful=tuple(description.doubtful[step] for step in kept) if description.doubtful else (),
        )
    if top is None:
        return description
    if top < 1:
        raise InputError(f"top={top}: a figure shows at least one input.")
    rows = description.seen_rows()
    if len(rows) <= top:
        return description
    sizes = np.abs(np.where(description.visible, description.scores, 0.0)).max(axis=1, initial=0.0)
    strongest = sorted(rows, key=lambda row: (-sizes[row], row))[:top]
    visible = np.zeros_like(description.visible)
    visible[strongest] = description.visible[strongest]
    note = f"the {top} strongest of {len(rows)} inputs"
    return evolve(description, visible=visible, pipeline=(*description.pipeline, note))
