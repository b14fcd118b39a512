"""Merge neighbouring tokens into units: the mechanics behind spans, words, sentences, turns and documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from wherefrom.arrays import BoolArray, is_listed
from wherefrom.errors import InputError
from wherefrom.results.aggregation import Aggregator
from wherefrom.results.aggregators._record import of_other_sign, recorded
from wherefrom.results.aggregators.functions import changes_single, combine, keeps_sign
from wherefrom.results.data import TRACE, AnyAttribution, AttributionData
from wherefrom.results.details import of_steps, pieces_of, without_tokens
from wherefrom.settings import is_whole
from wherefrom.text.merging import Span, merged_tokens
from wherefrom.text.tokens import visible_to_steps

UNKNOWN_STEP_SCORE = "absmax"
"""Merges a step score over a span when neither its function nor the user said how."""
NOT_MERGED = "none"
"""In place of a function: a step score that says nothing of several steps, and is left out where some are merged."""


def step_rule(attribution: AttributionData, name: str) -> str:
    """The function that merges a step score over a span."""
    return attribution.step_aggregation.get(name, UNKNOWN_STEP_SCORE)


def checked_spans(spans: Any, count: int, name: str) -> list[Span]:
    """One span or a list of spans, as a list; see `Span`.

    Raises:
        InputError: A span is empty or outside, or spans overlap or are out of order.
    """
    if spans is None:
        return []
    if not is_listed(spans):
        raise InputError(f"{name} = {spans!r} is neither a span (start, end) nor a list of spans.")
    listed: Sequence[Any] = spans  # type: ignore[assignment]
    if len(listed) == 2 and all(map(is_whole, listed)):
        listed = [listed]
    checked: list[Span] = []
    for span in listed:
        if not (is_listed(span) and len(span) == 2 and all(map(is_whole, span))):
            raise InputError(f"{name}: {span!r} is no span. Give (start, end), the end exclusive.")
        start, end = int(span[0]), int(span[1])
        if not 0 <= start < end <= count:
            raise InputError(f"{name}: ({start}, {end}) is empty or outside of {count} tokens. The end is exclusive.")
        if checked and start < checked[-1][1]:
            raise InputError(f"{name}: ({start}, {end}) overlaps or precedes {checked[-1]}. Give spans in order.")
        checked.append((start, end))
    return checked


def source_spans_of(attribution: AttributionData, spans: Any) -> list[Span]:
    """Spans of the source, checked; see `checked_spans`.

    Raises:
        InputError: There are some, and the source is the prompt, which has its scores in the target.
    """
    if is_listed(spans) and len(spans) and not attribution.encoded:
        raise InputError("The source has no scores of its own here: give the prompt's spans as target_spans.")
    return checked_spans(spans, len(attribution.source), "source_spans")


def groups_of(spans: Sequence[Span], count: int) -> list[Span]:
    """The spans, and each token outside of them alone: a partition of ``count`` tokens."""
    groups: list[Span] = []
    position = 0
    for start, end in spans:
        groups.extend((index, index + 1) for index in range(position, start))
        groups.append((start, end))
        position = end
    groups.extend((index, index + 1) for index in range(position, count))
    return groups


def merged_block(
    values: npt.NDArray[Any],
    rows: Sequence[Span],
    columns: Sequence[Span],
    name: str,
    where: BoolArray | None = None,
    pieces: Sequence[int] | None = None,
) -> npt.NDArray[Any]:
    """``values`` with each block of rows and columns as one number: all its cells go through the function together.

    Of a block of one cell it is the cell itself, unless the function changes single numbers. Cells go in column by
    column, so that the first of several equal ones is the earliest step's.

    Args:
        values: Shape ``(rows, columns, ...)``.
        rows: A partition of the rows; see `groups_of`.
        columns: A partition of the columns.
        where: Which cells exist, shape ``(rows, columns)``; None: all.
        pieces: Of each row, the number of what it is a share of: shares in one block are added up first, column by
            column. None: each is whole.

    Returns:
        Shape ``(len(rows), len(columns), ...)``; 0 for blocks without a cell.
    """
    alone = changes_single(name)
    if not alone and all(end - start == 1 for start, end in (*rows, *columns)):
        return values
    mask = np.ones(values.shape[:2], dtype=bool) if where is None else where
    if pieces and name != "sum":
        sizes = (len(list(same)) for start, end in rows for _, same in groupby(pieces[start:end]))
        shares = list(pairwise(accumulate(sizes, initial=0)))
        values = merged_block(values, shares, groups_of((), values.shape[1]), "sum", mask)
        mask = np.logical_or.reduceat(mask, [start for start, _ in shares], axis=0)
        places = {start: place for place, (start, _) in enumerate(shares)}
        rows = [(places[start], places.get(end, len(shares))) for start, end in rows]
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    rest = values.shape[2:]
    merged = np.zeros((len(rows), len(columns), *rest), dtype=values.dtype)
    for height, tall in _by_size(rows):
        most = max(1, _CELLS_AT_ONCE // max(1, height * values[0].size))
        for some in (tall[first : first + most] for first in range(0, len(tall), most)):
            for width, wide in _by_size(columns):
                shape = (len(some), height, len(wide), width)
                cells = np.ix_(_indices(rows, some), _indices(columns, wide))
                block = values[cells].reshape(*shape, *rest)
                if alone or height * width > 1:
                    block = np.moveaxis(block, 1, 3).reshape(len(some), len(wide), height * width, *rest)
                    there = np.moveaxis(mask[cells].reshape(shape), 1, 3)
                    block = combine(name, block, 2, there.reshape(*block.shape[:3], *(1,) * len(rest)))
                merged[np.ix_(some, wide)] = block.reshape(len(some), len(wide), *rest)
    return merged


_CELLS_AT_ONCE = 1 << 22


def _by_size(spans: Sequence[Span]) -> list[tuple[int, list[int]]]:
    """The sizes of the spans, and the places of those of each."""
    sizes = [end - start for start, end in spans]
    return [(size, [place for place, one in enumerate(sizes) if one == size]) for size in sorted(set(sizes))]


def _indices(spans: Sequence[Span], places: Sequence[int]) -> list[int]:
    """What lies in the spans at these places."""
    return [index for place in places for index in range(*spans[place])]


def _merged_steps(values: npt.NDArray[Any], groups: Sequence[Span], name: str) -> npt.NDArray[Any]:
    """A step score with each group of several entries as one."""
    if all(end - start == 1 for start, end in groups):
        return values
    return np.stack([combine(name, values[a:b], 0) if b - a > 1 else values[a] for a, b in groups])


def merge_spans(
    attribution: AnyAttribution, source: Sequence[Span], target: Sequence[Span], name: str, by: Aggregator
) -> AnyAttribution:
    """The attribution with each span merged into a unit.

    Scores are combined by the function ``name``, those of a unit of inputs and a unit of steps together, step scores by
    their own, details as `wherefrom.results.details` says.
    Tokens that share the score of one unit of the method's are added up first: theirs is one score.
    Scores of inputs that stay alone go through the function too, so that all are of one kind, such as norms.
    A unit that begins before the first explained step keeps all of its tokens, and scores of its explained part.
    Columns of a trace are the same mass hop by hop, and stay as they are.

    Args:
        source: Spans of the source; of a decoder-only model's, which repeats the prompt, they follow the target's.
        target: Spans of the target.
        by: Who is recorded as having done it.
    """
    first, last = attribution.attr_pos_start, attribution.attr_pos_end
    if TRACE in attribution.details:
        target = [(start, min(end, first)) for start, end in target if start < first]
    target_groups = groups_of(target, len(attribution.target))
    if not attribution.encoded:
        source = [
            (start, min(end, len(attribution.source))) for start, end in target if start < len(attribution.source)
        ]
    source_groups = groups_of(source, len(attribution.source))
    columns = [
        (max(start, first) - first, min(end, last) - first)
        for start, end in target_groups
        if start < last and end > first
    ]
    before = sum(end <= first for _, end in target_groups)
    rules = {key: step_rule(attribution, key) for key in attribution.step_scores}
    as_before = len(columns) == last - first
    details = attribution.details
    if len(source_groups) < len(attribution.source) or len(target_groups) < len(attribution.target):
        details = without_tokens(details)
    changes: dict[str, Any] = {
        "source": merged_tokens(attribution.source, source_groups),
        "target": merged_tokens(attribution.target, target_groups),
        "attr_pos_start": before,
        "attr_pos_end": before + len(columns),
        "step_scores": {
            key: _merged_steps(scores, columns, rules[key])
            for key, scores in attribution.step_scores.items()
            if as_before or rules[key] != NOT_MERGED
        },
        "sequence_scores": {
            key: _merge_sequence(key, scores, attribution, source_groups, target_groups, name)
            for key, scores in attribution.sequence_scores.items()
        },
        "details": of_steps(
            details,
            last - first,
            columns,
            lambda scores: merged_block(scores, groups_of((), len(scores)), columns, name),
        ),
    }
    if attribution.source_attributions is not None:
        pieces = pieces_of(details, attribution.source, "source")
        changes["source_attributions"] = merged_block(
            attribution.source_attributions, source_groups, columns, name, pieces=pieces
        )
    if attribution.target_attributions is not None:
        pieces = pieces_of(details, attribution.target, "target")
        changes["target_attributions"] = merged_block(
            attribution.target_attributions, target_groups, columns, name, attribution.target_visible, pieces
        )
    widths = {end - start for start, end in columns}
    sizes = {(end - start) * width for start, end in (*source_groups, *target_groups) for width in widths}
    if (changes_single(name) or sizes != {1}) and not keeps_sign(name, sizes):
        changes |= of_other_sign(attribution, changes)
    return recorded(attribution, by, **changes)


def several(spans: Sequence[Span]) -> list[Span]:
    """Those of more than one token."""
    return [(start, end) for start, end in spans if end - start > 1]


def spans_where(count: int, continues: Callable[[int], bool]) -> list[Span]:
    """Runs of several tokens in which every token after the first continues the one before.

    Args:
        continues: Is the token at this index (from 1) in one unit with its predecessor?
    """
    spans: list[Span] = []
    start = 0
    for index in range(1, count + 1):
        if index == count or not continues(index):
            if index - start > 1:
                spans.append((start, index))
            start = index
    return spans


def _merge_sequence(
    key: str,
    scores: npt.NDArray[Any],
    attribution: AttributionData,
    source_groups: Sequence[Span],
    target_groups: Sequence[Span],
    name: str,
) -> npt.NDArray[Any]:
    """Merge both token axes of a sequence score."""
    rows = target_groups if key.startswith("decoder") else source_groups
    columns = source_groups if key.startswith("encoder") else target_groups
    mask = np.ones(scores.shape[:2], dtype=bool)
    if key.startswith("decoder"):
        own = visible_to_steps(attribution.target, attribution.target)
        mask = own | np.eye(len(own), dtype=bool)  # a position attends to itself
    return merged_block(scores, rows, columns, name, mask)
