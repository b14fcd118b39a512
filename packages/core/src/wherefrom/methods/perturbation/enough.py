"""Whether so many samples do for so many units."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray, IntArray
from wherefrom.methods.perturbation.settings import SampledSettings
from wherefrom.methods.perturbation.surrogates import distinct_columns


def needed(method: SampledSettings, units: int) -> int:
    """The fewest samples for so many units: all coalitions of them are always enough."""
    enough = method.enough(units)
    return min(enough, 2**units) if units < enough else enough


def short_outputs(method: SampledSettings, masks: BoolArray, blocks: IntArray, visible: BoolArray) -> IntArray:
    """Outputs that see more units than the samples can tell apart: a fit is not determined, or there is one draw and
    none to compare it with.

    Args:
        masks: The coalitions, shape ``(rows, units)``.
        blocks: Independent draws, as rows of indices into ``masks``; none where nothing is random.
        visible: Which units can matter to which output, shape ``(units, outputs)``.
    """
    short: list[int] = []
    for seen, outputs in distinct_columns(visible) if len(blocks) else ():
        units = int(seen.sum())
        if units > 1 and (len(blocks) < 2 or len(np.unique(masks[:, seen], axis=0)) < needed(method, units)):
            short += outputs.tolist()
    return np.array(sorted(short), dtype=np.int64)
