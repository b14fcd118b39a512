"""Attributions weighted by a step score."""

from __future__ import annotations

from typing import Any

import numpy as np

from wherefrom.errors import UnknownNameError, nearest
from wherefrom.results.aggregation import aggregated
from wherefrom.results.aggregators._record import scaled
from wherefrom.results.data import AnyAttribution
from wherefrom.results.details import in_other_units
from wherefrom.results.direction import without_direction
from wherefrom.results.measured import without_measures
from wherefrom.results.stages import Stage
from wherefrom.settings import check_call


def weighted(attribution: AnyAttribution, step_score: str) -> AnyAttribution:
    """The aggregated attribution with every step's scores multiplied by that step's score.

    Raises:
        SettingsError: It is no name.
        UnknownNameError: The attribution has no step score of that name.
    """
    check_call(weighted, locals())
    if step_score not in attribution.step_scores:
        known = ", ".join(attribution.step_scores) or "none"
        raise UnknownNameError(
            f"The attribution has no step score {step_score!r}.{nearest(step_score, attribution.step_scores)} "
            f"It has: {known}. Ask for it when attributing: step_scores=[{step_score!r}]."
        )
    done = aggregated(attribution)
    weights = done.step_scores[step_score].reshape(-1, *(1,) * len(done.dimensions))
    changes: dict[str, Any] = {
        name: scaled(np.multiply, scores, weights)
        for name, scores in (
            ("source_attributions", done.source_attributions),
            ("target_attributions", done.target_attributions),
        )
        if scores is not None
    }
    stage = Stage(name="weight", settings={"step_score": step_score})
    if (weights < 0).any():
        changes |= {"signed": True, "details": without_direction(done.details, signed=True)}
    if (weights > 0).all() and not done.dimensions:
        changes["details"] = in_other_units(done.details, weights)
    else:  # scores of other ranks, or none
        changes |= without_measures(done, changes)
    return done.replace(aggregations=(*done.aggregations, stage), **changes)
