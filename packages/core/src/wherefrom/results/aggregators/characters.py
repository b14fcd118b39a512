"""Merge the tokens of characters."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from wherefrom.results.aggregation import aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.levels import MergeLevel
from wherefrom.text.segmentation import Level


@aggregator("characters")
@frozen(kw_only=True)
class Characters(MergeLevel):
    """Tokens that only together make a character become one unit: bytes of an emoji, letters and their marks.

    Characters are those of `wherefrom.text.segmentation`. A token of several characters stays what it is.
    """

    level: ClassVar[Level] = "character"

    aggregate_fn: str = field(default="sum", validator=known_function)
    """How scores of a character are combined. Step scores use their own functions."""
