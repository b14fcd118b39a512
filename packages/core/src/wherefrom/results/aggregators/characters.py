"""Merge the tokens of characters."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import field, frozen

from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import merge_spans, several
from wherefrom.results.breaks import breaks_of
from wherefrom.results.data import AnyAttribution
from wherefrom.text.merging import Span
from wherefrom.text.segmentation import unit_spans
from wherefrom.text.tokens import Token


@aggregator("characters")
@frozen(kw_only=True)
class Characters(Aggregator):
    """Tokens that only together make a character become one unit: bytes of an emoji, letters and their marks.

    Characters are those of `wherefrom.text.segmentation`. A token of several characters stays what it is.
    """

    aggregate_source: bool = True
    aggregate_target: bool = True
    aggregate_fn: str = field(default="sum", validator=known_function)
    """How scores of a character are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = self.spans(attribution.source, breaks_of(attribution, "source")) if self.aggregate_source else []
        target = self.spans(attribution.target, breaks_of(attribution, "target")) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token], breaks: Collection[int] = ()) -> list[Span]:
        """The characters of several tokens, with ``breaks`` between some of them."""
        return several(unit_spans(tokens, "character", breaks=breaks))
