"""Merge the tokens of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from wherefrom.results.aggregation import aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import merge_spans, several
from wherefrom.results.data import AnyAttribution
from wherefrom.text.merging import Span
from wherefrom.text.segmentation import unit_spans
from wherefrom.text.tokens import Token


@aggregator
@frozen(kw_only=True)
class Sentences:
    """Tokens of a sentence become one unit. Special tokens stay alone.

    Sentences are those of `wherefrom.text.sentences`; one begins where the explained steps do. For anything else give
    spans or a pattern.
    """

    identifier: ClassVar[str] = "sentences"

    aggregate_source: bool = True
    aggregate_target: bool = True
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a sentence are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = self.spans(attribution.source) if self.aggregate_source else []
        target = self.spans(attribution.target, attribution.attr_pos_start) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token], first_step: int = 0) -> list[Span]:
        """The sentences of several tokens, of which the explained steps begin at ``first_step``."""
        return several(unit_spans(tokens, "sentence", breaks=(first_step,)))
