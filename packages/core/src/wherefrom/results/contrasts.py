"""What scores were compared with, as far as a result says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherefrom.results.data import AttributionData
from wherefrom.results.details import CONTRAST
from wherefrom.results.provenance import by_example

CONTRASTS = ("contrast_targets", "contrast_sources")
EXPLAINED_IN = "explained_in"
"""Says of a contrast in which context its tokens are what is explained, see
`wherefrom.questions.building.QuestionOptions.explained_in`."""


def contrast_of(result: AttributionData) -> Mapping[str, Any]:
    """What the details say of a contrast: the pairs of tokens, and in which context they were compared."""
    contrast = result.details.get(CONTRAST)
    return contrast if isinstance(contrast, Mapping) else {}


def is_contrast(result: AttributionData) -> bool:
    """Are the scores of something that was compared with another text, as far as the result says?"""
    contrast = contrast_of(result)
    if EXPLAINED_IN in contrast:
        return contrast[EXPLAINED_IN] is not None
    made = result.provenance
    named = [by_example(made, name, 1) for name in CONTRASTS if name in made.arguments]
    inside = made.attributed_fn.get("settings", {})  # where inseq's files have them
    return bool(contrast) or any(entry != [None] for entry in named) or any(inside.get(one) for one in CONTRASTS)
