"""What the rounding of half precision leaves in scores."""

from __future__ import annotations

from wherefrom.adapters import SequenceModel

DISTANCES = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
"""From 1 to the next number, in each type."""


def half_precision(model: object) -> tuple[str, float]:
    """The name of the half-precision type a model computes in, and the distance there from 1 to the next number.

    An empty name and 0 for a model in a wider type, or one that does not say.
    """
    dtype = model.card.dtype if isinstance(model, SequenceModel) else ""
    return next((one for one in DISTANCES.items() if dtype.endswith(one[0])), ("", 0.0))
