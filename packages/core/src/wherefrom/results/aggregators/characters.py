"""Merge the tokens of characters."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import merge_spans, several
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
        source = self.spans(attribution.source) if self.aggregate_source else []
        target = self.spans(attribution.target, attribution.attr_pos_start) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token], first_step: int = 0) -> list[Span]:
        """The characters of several tokens, of which the explained steps begin at ``first_step``."""
        return several(unit_spans(tokens, "character", breaks=(first_step,)))
