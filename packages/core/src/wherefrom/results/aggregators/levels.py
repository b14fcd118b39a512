"""Merge the tokens of the units of one level: words, sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from attrs import field, frozen

from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import merge_spans, several
from wherefrom.results.breaks import breaks_of
from wherefrom.results.data import AnyAttribution
from wherefrom.text.merging import Span
from wherefrom.text.segmentation import Level, unit_spans
from wherefrom.text.tokens import Token


@frozen(kw_only=True)
class MergeLevel:
    """Tokens of a unit become one, on both sides. Special tokens stay alone; a unit within which the explained steps
    begin is cut there."""

    identifier: ClassVar[str]
    level: ClassVar[Level]
    """What a unit is, as in `wherefrom.text.segmentation`."""

    aggregate_source: bool = True
    aggregate_target: bool = True
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a unit are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = self.spans(attribution.source, breaks_of(attribution, "source")) if self.aggregate_source else []
        target = self.spans(attribution.target, breaks_of(attribution, "target")) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token], breaks: Collection[int] = ()) -> list[Span]:
        """The units of several tokens, with ``breaks`` between some of them."""
        return several(unit_spans(tokens, self.level, breaks=breaks))
