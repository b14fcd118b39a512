"""Scores as nested dictionaries, for those who like them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from wherefrom.results.contributors import require_one_number
from wherefrom.results.data import AttributionData

Place: TypeAlias = tuple[int, str]
"""Index in its sequence, and text piece."""

ScoresDict: TypeAlias = dict[str, dict[Place, dict[Any, float]]]


def scores_dict(attribution: AttributionData) -> ScoresDict:
    """Scores by explained token: of the source, of the target, and of the step.

    ``{"source_attributions": {step: {input: score}}, "target_attributions": {step: {input: score}},
    "step_scores": {step: {name: score}}}``, each token as ``(index, piece)``. Inputs that a step could not see are
    left out.

    Raises:
        InputError: The attribution has dimensions left.
    """
    require_one_number(attribution)
    first = attribution.attr_pos_start
    steps = [(first + column, token.piece) for column, token in enumerate(attribution.steps)]
    visible = {
        "source_attributions": np.ones((len(attribution.source), len(steps)), dtype=bool),
        "target_attributions": attribution.target_visible,
    }
    tokens = {"source_attributions": attribution.source, "target_attributions": attribution.target}
    result: ScoresDict = {}
    for name, mask in visible.items():
        scores = getattr(attribution, name)
        if scores is None:
            result[name] = {}
            continue
        result[name] = {
            step: {
                (row, token.piece): float(scores[row, column])
                for row, token in enumerate(tokens[name])
                if mask[row, column]
            }
            for column, step in enumerate(steps)
        }
    result["step_scores"] = {
        step: {name: float(scores[column]) for name, scores in attribution.step_scores.items()}
        for column, step in enumerate(steps)
    }
    return result
