"""Results as the objects of captum and shap, for their plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wherefrom.results.aggregation import aggregated
from wherefrom.results.contributors import joint
from wherefrom.results.data import AttributionData
from wherefrom.results.packages import needed


def to_captum(attribution: AttributionData) -> Any:
    """A captum ``LLMAttributionResult``: inputs are source and target tokens before the last step.

    Scores of each step become its ``token_attr``; their sum over steps is ``seq_attr``. Cells that a step could not see
    are 0 there.

    Raises:
        MissingDependencyError: captum is not installed.
    """
    captum = needed("captum.attr")
    attribution = aggregated(attribution)
    scores, texts = _seen(attribution)
    steps = np.ascontiguousarray(scores.T, dtype=np.float32)
    return captum.LLMAttributionResult(
        input_tokens=texts,
        output_tokens=[token.text for token in attribution.steps],
        seq_attr=steps.sum(0),
        token_attr=steps,
    )


def to_shap(attribution: AttributionData, base_values: Any = None) -> Any:
    """A shap ``Explanation``: rows are inputs, columns are steps; absent cells are 0.

    Args:
        base_values: Value of the target function without any input, one per step; None: 0.

    Raises:
        MissingDependencyError: shap is not installed.
    """
    shap = needed("shap")
    attribution = aggregated(attribution)
    scores, texts = _seen(attribution)
    steps = scores.shape[1]
    return shap.Explanation(
        values=scores,
        base_values=np.zeros(steps) if base_values is None else np.asarray(base_values, dtype=float),
        data=np.array(texts, dtype=np.object_),
        output_names=[token.text for token in attribution.steps],
    )


def _seen(attribution: AttributionData) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Scores and texts of the inputs that any step could see."""
    scores, visible, places = joint(attribution)
    seen = np.flatnonzero(visible.any(axis=1))
    tokens = {"source": attribution.source, "target": attribution.target}
    return scores[seen], [tokens[places[row][0]][places[row][1]].text for row in seen]
