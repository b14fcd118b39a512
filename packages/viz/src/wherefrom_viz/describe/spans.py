"""Spans that a reader names: stretches of tokens that views show as one unit, under a name of their own.

They are segments of the kind ``"span"``. A result may come with some; views take others by their option ``spans``, and
the page lets its reader draw them. Tokens in no span stay units of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution
from wherefrom.text.segmentation import placed_segments
from wherefrom.text.tokens import Segment, Token

KIND = "span"
SpanLike: TypeAlias = (
    Segment | tuple[int, int] | tuple[int, int, str] | tuple[str, int, int] | tuple[str, int, int, str]
)
"""``(start, end)`` in target tokens as they are now, end exclusive; a side may stand before it and a name behind it.
A segment names positions, as those of a result do."""
Spans: TypeAlias = Sequence[SpanLike] | Mapping[int, Sequence[SpanLike]]
"""The same spans for every example, or those of each by its place."""


def with_spans(attribution: Attribution, spans: Spans, place: int = 0) -> Attribution:
    """The attribution with ``spans`` instead of those it came with; as it is if there are none for it.

    Args:
        attribution: One example.
        spans: See `Spans`.
        place: Place of the example among those shown.

    Raises:
        InputError: A span is none of the forms, overlaps another, or names tokens that are not there.
    """
    given = spans.get(place) if isinstance(spans, Mapping) else spans or None
    if given is None:
        return attribution
    sides = {"source": attribution.source, "target": attribution.target}
    segments = [_segment(span, sides, place) for span in given]
    for side, tokens in sides.items():
        own = sorted((one for one in segments if one.side == side), key=lambda one: one.start)
        for (_, before), (_, span) in itertools.pairwise(placed_segments(tokens, own)):
            if before[1] > span[0]:
                raise _senseless(side, *span, len(tokens), place)
    kept = (one for one in attribution.segments if one.kind != KIND)
    return attribution.replace(segments=(*kept, *segments))


def span_names(attribution: Attribution, side: str) -> dict[int, str]:
    """Position of each token in a named span to the span's name."""
    tokens = attribution.source if side == "source" else attribution.target
    return {
        token.position: segment.label
        for segment, (start, end) in placed_segments(tokens, attribution.segments)
        if segment.kind == KIND and segment.side == side and segment.label
        for token in tokens[start:end]
    }


def _segment(span: SpanLike, sides: Mapping[str, Sequence[Token]], place: int) -> Segment:
    if isinstance(span, Segment):
        if not placed_segments(sides.get(span.side, ()), [span]):
            raise _senseless(span.side, span.start, span.end, len(sides.get(span.side, ())), place)
        return Segment(side=span.side, start=span.start, end=span.end, kind=KIND, label=span.label)
    rest = list(span)
    side = rest.pop(0) if rest and isinstance(rest[0], str) else "target"
    name = rest.pop() if rest and isinstance(rest[-1], str) else ""
    edges = [edge for edge in rest if isinstance(edge, int)]
    if side not in ("source", "target") or len(rest) != 2 or len(edges) != 2:
        raise InputError(
            f"{span!r} is no span. Give (start, end) or (start, end, name) in target tokens, or put 'source' or "
            "'target' before it."
        )
    start, end = edges
    tokens = sides[str(side)]
    if not 0 <= start < end <= len(tokens):
        raise _senseless(str(side), start, end, len(tokens), place)
    last = tokens[end - 1]
    positions = tokens[start].position, last.position + last.size
    return Segment(side=str(side), start=positions[0], end=positions[1], kind=KIND, label=str(name))


def _senseless(side: str, start: int, end: int, count: int, place: int) -> InputError:
    return InputError(
        f"The span {start}..{end} of the {side} overlaps another, or goes beyond the {count} tokens of example "
        f"{place + 1}. Spans are (start, end) in tokens, end exclusive."
    )
