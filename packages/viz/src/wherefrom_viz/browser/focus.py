"""Where the reader looks: an output token, an input, and what is pinned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.describe.description import Description, bound_for, share_of, shares_of


@frozen(kw_only=True)
class Focus:
    """The linked cursor of a detail view. Columns and rows are those of a description."""

    column: int = 0
    row: int | None = None
    """An input whose influence on all outputs is looked at."""
    pinned: frozenset[int] = frozenset()
    """Columns that stay coloured, summed, wherever the cursor goes."""

    @property
    def columns(self) -> list[int]:
        """The columns that colour the inputs."""
        return sorted(self.pinned) or [self.column]

    def within(self, description: Description) -> Focus:
        """The same, inside of a description."""
        steps, rows = len(description.steps), len(description.inputs)
        return Focus(
            column=min(max(self.column, 0), max(steps - 1, 0)),
            row=None if self.row is None or not rows else min(max(self.row, 0), rows - 1),
            pinned=frozenset(column for column in self.pinned if column < steps),
        )

    def toggled(self, column: int) -> Focus:
        """With a column pinned, or unpinned."""
        return evolve(self, pinned=self.pinned ^ {column})


def bound_of(description: Description, focus: Focus, drawing: Drawing) -> float:
    """The score of the strongest colour where the reader looks; for colours and legend alike."""
    if not description.steps:
        return description.scale.bound
    if drawing.scale != "step":
        return description.scale.bound if focus.row is not None else description.bound_of(focus.columns)
    if focus.row is not None:
        return bound_for(description.scores[focus.row])
    return description.bound_among(description.scores[:, focus.columns].sum(axis=1))


def strength_of(description: Description, value: float, column: int, drawing: Drawing) -> float:
    """How strongly a score of one output is coloured, in [-1, 1]."""
    bound = bound_of(description, Focus(column=column), drawing)
    return share_of(value * drawing.intensity, bound) * description.fading(column)


def strengths(description: Description, focus: Focus, drawing: Drawing) -> npt.NDArray[np.float64]:
    """How strongly each input is coloured, in [-1, 1]; NaN where it was not seen. Shape ``(inputs,)``."""
    columns = focus.columns
    if not description.steps:
        return np.full(len(description.inputs), np.nan)
    scores = description.scores[:, columns].sum(axis=1)
    seen = description.visible[:, columns].any(axis=1)
    bound = bound_of(description, focus, drawing)
    faded = description.fading(*columns)
    return np.where(seen, shares_of(scores * drawing.intensity, bound) * faded, np.nan)


def output_strengths(description: Description, row: int, drawing: Drawing) -> npt.NDArray[np.float64]:
    """How strongly an input drove each output, in [-1, 1]; NaN where it was not seen. Shape ``(steps,)``."""
    scores = description.scores[row]
    bound = bound_of(description, Focus(row=row), drawing)
    faded = np.array([description.fading(column) for column in range(len(scores))])
    return np.where(description.visible[row], shares_of(scores * drawing.intensity, bound) * faded, np.nan)
