"""Merge given spans of tokens."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from wherefrom.arrays import is_listed
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import checked_spans, merge_spans, source_spans_of
from wherefrom.results.data import AnyAttribution
from wherefrom.settings import is_pair, is_whole


def as_pairs(spans: Any) -> Any:
    """One span or several, as a tuple of pairs of numbers, so that settings compare and print well."""
    if not is_listed(spans):
        return spans
    listed = [spans] if is_pair(spans) else list(spans)
    return tuple(tuple(map(_plain, span)) if is_listed(span) else span for span in listed)


def _plain(bound: Any) -> Any:
    return int(bound) if is_whole(bound) else bound


@aggregator("spans")
@frozen(kw_only=True)
class Spans(Aggregator):
    """Tokens of each span become one unit; other tokens stay units of their own.

    Spans index the tokens as they are now, the end is exclusive, and they are in order without overlap.
    """

    source_spans: Any = field(default=None, converter=as_pairs)
    """``(start, end)`` or a list of these, in the source."""
    target_spans: Any = field(default=None, converter=as_pairs)
    """Likewise in the target."""
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a span are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = source_spans_of(attribution, self.source_spans)
        target = checked_spans(self.target_spans, len(attribution.target), "target_spans")
        return merge_spans(attribution, source, target, self.aggregate_fn, self)
