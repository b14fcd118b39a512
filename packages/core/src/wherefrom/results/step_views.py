"""The result one step at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.results.data import AttributionData
from wherefrom.text.tokens import Token


@frozen(kw_only=True, eq=False)
class StepAttribution:
    """One explained token, what it could see, and what it owes to it. Arrays are views, not copies."""

    index: int
    """Of the token in the target."""
    token: Token
    source: tuple[Token, ...]
    prefix: tuple[Token, ...]
    """The target tokens it could see."""
    source_attributions: npt.NDArray[np.floating] | None
    """Shape ``(len(source), *dimensions)``."""
    target_attributions: npt.NDArray[np.floating] | None
    """Shape ``(len(prefix), *dimensions)``."""
    step_scores: dict[str, float]


def step_attributions(attribution: AttributionData) -> tuple[StepAttribution, ...]:
    """One view for each explained step."""
    visible = attribution.target_visible
    views = []
    for column, token in enumerate(attribution.steps):
        seen = int(np.count_nonzero(visible[:, column]))  # positions ascend, so what is seen comes first
        source, target = attribution.source_attributions, attribution.target_attributions
        views.append(
            StepAttribution(
                index=attribution.attr_pos_start + column,
                token=token,
                source=attribution.source,
                prefix=attribution.target[:seen],
                source_attributions=None if source is None else source[:, column],
                target_attributions=None if target is None else target[:seen, column],
                step_scores={name: float(scores[column]) for name, scores in attribution.step_scores.items()},
            )
        )
    return tuple(views)


def extremes(attribution: AttributionData) -> tuple[float, float]:
    """Smallest and largest score over both sides, and 0: the range that colours must cover."""
    parts = [
        scores
        for scores in (attribution.source_attributions, attribution.target_attributions)
        if scores is not None and scores.size
    ]
    low = min((float(np.nanmin(scores)) for scores in parts), default=0.0)
    high = max((float(np.nanmax(scores)) for scores in parts), default=0.0)
    return min(low, 0.0), max(high, 0.0)
