"""From a result to one score per unit."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.errors import InputError
from wherefrom.methods.perturbation.units import Units
from wherefrom.results.aggregation import build, outstanding
from wherefrom.results.data import AttributionData


def token_scores(result: AttributionData) -> dict[str, FloatArray]:
    """One score per token and step and side: the result's own default aggregation, but never normalised, since that
    would change what scores of different steps add up to."""
    for stage in outstanding(result):
        if stage.name != "normalize":
            result = build(stage.name, stage.settings)(result)
    if result.dimensions:
        raise InputError(
            f"The scores still have {', '.join(result.dimensions)}; aggregate them to one number per token first."
        )
    found: dict[str, FloatArray] = {}
    if result.source_attributions is not None:
        found["source"] = np.asarray(result.source_attributions, dtype=np.float64)
    if result.target_attributions is not None:
        found["target"] = np.asarray(result.target_attributions, dtype=np.float64)
    return found


def unit_scores(result: AttributionData, units: Units) -> FloatArray:
    """Scores of units: the sum over the tokens that go with each. Shape ``(units, steps)``."""
    sides = token_scores(result)
    rows = [sides[unit.side][unit.removable].sum(axis=0) for unit in units.members]
    return np.array(rows).reshape(len(rows), result.attr_pos_end - result.attr_pos_start)
