"""Merge the tokens of sentences."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from wherefrom.results.aggregation import aggregator
from wherefrom.results.aggregators.levels import MergeLevel
from wherefrom.text.segmentation import Level


@aggregator("sentences")
@frozen(kw_only=True)
class Sentences(MergeLevel):
    """Tokens of a sentence become one unit. Special tokens stay alone.

    Sentences are those of `wherefrom.text.sentences`; one begins where the explained steps do. For anything else give
    spans or a pattern.
    """

    level: ClassVar[Level] = "sentence"
