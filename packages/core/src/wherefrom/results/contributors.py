"""The inputs that matter most for a step."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.errors import InputError
from wherefrom.results.data import AttributionData
from wherefrom.settings import check_call
from wherefrom.text.tokens import Token


@frozen(kw_only=True)
class Contributor:
    """An input and its score for a step."""

    side: Literal["source", "target"]
    index: int
    """Into the tokens of that side."""
    token: Token
    score: float


def top_contributors(attribution: AttributionData, k: int = 5) -> list[list[Contributor]]:
    """For each step the ``k`` visible inputs of largest absolute score, the largest first; ties in order of the text.

    Special tokens and parts of a chat's template count as any other; the lists of strongest inputs in views leave them
    out.

    Raises:
        InputError: The attribution has dimensions left.
        SettingsError: ``k`` is no count.
    """
    check_call(top_contributors, locals(), k=0)
    scores, visible, places = joint(attribution)
    tokens = {"source": attribution.source, "target": attribution.target}
    steps = []
    for column in range(scores.shape[1]):
        candidates = np.flatnonzero(visible[:, column])
        order = candidates[np.argsort(-np.abs(scores[candidates, column]), kind="stable")][:k]
        steps.append(
            [
                Contributor(
                    side=places[row][0],
                    index=places[row][1],
                    token=tokens[places[row][0]][places[row][1]],
                    score=float(scores[row, column]),
                )
                for row in order
            ]
        )
    return steps


def require_one_number(attribution: AttributionData) -> None:
    """Refuse scores that are not one number for each input and step.

    Raises:
        InputError: The attribution has dimensions left.
    """
    if attribution.dimensions:
        raise InputError(
            f"There is more than one number per cell ({', '.join(attribution.dimensions)}). Aggregate first."
        )


def joint(
    attribution: AttributionData,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], list[tuple[Literal["source", "target"], int]]]:
    """Scores of source and target inputs as one matrix, which of them exist, and where each row comes from.

    Raises:
        InputError: The attribution has dimensions left.
    """
    require_one_number(attribution)
    steps = attribution.attr_pos_end - attribution.attr_pos_start
    parts: list[npt.NDArray[np.float64]] = [np.zeros((0, steps))]
    masks: list[npt.NDArray[np.bool_]] = [np.zeros((0, steps), dtype=bool)]
    places: list[tuple[Literal["source", "target"], int]] = []
    if attribution.source_attributions is not None:
        parts.append(attribution.source_attributions.astype(np.float64))
        masks.append(np.ones(attribution.source_attributions.shape, dtype=bool))
        places.extend(("source", index) for index in range(len(attribution.source)))
    if attribution.target_attributions is not None:
        parts.append(attribution.target_attributions.astype(np.float64))
        masks.append(attribution.target_visible)
        places.extend(("target", index) for index in range(len(attribution.target)))
    return np.concatenate(parts), np.concatenate(masks), places
