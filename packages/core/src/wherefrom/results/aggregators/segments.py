"""Merge the named stretches that an example knows of: chat turns, documents, template slots."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from wherefrom.errors import InputError
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import checked_spans, merge_spans, source_spans_of
from wherefrom.results.aggregators.spans import as_pairs
from wherefrom.results.data import AnyAttribution
from wherefrom.text.segmentation import segment_spans


def _merge_kinds(
    attribution: AnyAttribution, kinds: tuple[str, ...], fn: str, by: Any, *, beside: tuple[str, ...] = ()
) -> AnyAttribution:
    wanted = [segment for segment in attribution.segments if segment.kind in kinds]
    if not wanted:
        known = ", ".join(sorted({segment.kind for segment in attribution.segments})) or "none"
        raise InputError(
            f"The example has no {' or '.join(kinds)} to aggregate over (it knows: {known}). "
            "Give a chat or a template when attributing, or the spans yourself: aggregate('spans', target_spans=...)."
        )
    wanted += [segment for segment in attribution.segments if segment.kind in beside]
    source = [one for one in wanted if one.side == "source"] if attribution.encoded else []
    return merge_spans(
        attribution,
        segment_spans(attribution.source, source),
        segment_spans(attribution.target, [one for one in wanted if one.side == "target"]),
        fn,
        by,
    )


@aggregator("turns")
@frozen(kw_only=True)
class Turns(Aggregator):
    """Tokens of a chat turn become one unit, and those that the template wrote between two turns another."""

    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a turn are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        return _merge_kinds(attribution, ("turn",), self.aggregate_fn, self, beside=("template",))


@aggregator("documents")
@frozen(kw_only=True)
class Documents(Aggregator):
    """Tokens of a document become one unit: of a template slot, of a given document, or of given spans."""

    source_spans: Any = field(default=None, converter=as_pairs)
    """Spans of the source to take as documents, in place of those the example knows."""
    target_spans: Any = field(default=None, converter=as_pairs)
    """Likewise in the target."""
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a document are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        if self.source_spans is None and self.target_spans is None:
            return _merge_kinds(attribution, ("document", "slot"), self.aggregate_fn, self)
        source = source_spans_of(attribution, self.source_spans)
        target = checked_spans(self.target_spans, len(attribution.target), "target_spans")
        return merge_spans(attribution, source, target, self.aggregate_fn, self)
