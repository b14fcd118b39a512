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


def merge_axis(
    values: npt.NDArray[Any],
    groups: Sequence[Span],
    axis: int,
    name: str,
    where: BoolArray | None = None,
    *,
    alone: bool = False,
    pieces: Sequence[int] | None = None,
) -> npt.NDArray[Any]:
    """``values`` with the entries of each group along ``axis`` combined into one.

    Args:
        where: Which entries exist; None: all.
        alone: Also those of groups of one.
        pieces: Of each entry, the number of what it is a share of: shares in one group are added first. None: each is
            whole.
    """
    if not alone and all(end - start == 1 for start, end in groups):
        return values
    present = np.broadcast_to(np.asarray(True) if where is None else where, values.shape)
    columns = []
    for start, end in groups:
        part = np.take(values, range(start, end), axis=axis)
        if alone or end - start > 1:
            there = np.take(present, range(start, end), axis=axis)
            if pieces is not None:
                sizes = [len(list(same)) for _, same in groupby(pieces[start:end])]
                shares = list(pairwise(accumulate(sizes, initial=0)))
                part, there = merge_axis(part, shares, axis, "sum", there), merge_axis_mask(there, shares, axis)
            part = combine(name, part, axis, there)
        else:
            part = part.squeeze(axis=axis)
        columns.append(part)
    return np.stack(columns, axis=axis) if columns else values


def merge_axis_mask(mask: BoolArray, groups: Sequence[Span], axis: int) -> BoolArray:
    """Groups in which any cell exists."""
    if not groups:
        return mask
    return np.stack([mask.take(range(start, end), axis=axis).any(axis=axis) for start, end in groups], axis=axis)


def merge_spans(
    attribution: AnyAttribution, source: Sequence[Span], target: Sequence[Span], name: str, by: Aggregator
) -> AnyAttribution:
    """The attribution with each span merged into a unit; first over steps, then over inputs.

    Scores are combined by the function ``name``, step scores by their own, details as `wherefrom.results.details` says.
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
    alone = changes_single(name)
    details = attribution.details
    if len(source_groups) < len(attribution.source) or len(target_groups) < len(attribution.target):
        details = without_tokens(details)
    changes: dict[str, Any] = {
        "source": merged_tokens(attribution.source, source_groups),
        "target": merged_tokens(attribution.target, target_groups),
        "attr_pos_start": before,
        "attr_pos_end": before + len(columns),
        "step_scores": {
            key: merge_axis(scores, columns, 0, rules[key])
            for key, scores in attribution.step_scores.items()
            if as_before or rules[key] != NOT_MERGED
        },
        "sequence_scores": {
            key: _merge_sequence(key, scores, attribution, source_groups, target_groups, name)
            for key, scores in attribution.sequence_scores.items()
        },
        "details": of_steps(details, last - first, columns, lambda scores: merge_axis(scores, columns, 1, name)),
    }
    if attribution.source_attributions is not None:
        merged = merge_axis(attribution.source_attributions, columns, 1, name)
        changes["source_attributions"] = merge_axis(
            merged, source_groups, 0, name, alone=alone, pieces=pieces_of(details, attribution.source, "source")
        )
    if attribution.target_attributions is not None:
        mask = attribution.target_visible
        merged = merge_axis(attribution.target_attributions, columns, 1, name, _spread(mask, attribution))
        after = merge_axis_mask(mask, columns, 1)
        spread = _spread(after, attribution)
        changes["target_attributions"] = merge_axis(
            merged, target_groups, 0, name, spread, alone=alone, pieces=pieces_of(details, attribution.target, "target")
        )
    sizes = {end - start for start, end in (*source_groups, *target_groups, *columns)}
    if (alone or sizes != {1}) and not keeps_sign(name, sizes):
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


def _spread(mask: BoolArray, attribution: AttributionData) -> BoolArray:
    return mask.reshape(*mask.shape, *(1,) * len(attribution.dimensions))


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
    spread = mask.reshape(*mask.shape, *(1,) * (scores.ndim - 2))
    merged = merge_axis(scores, columns, 1, name, spread)
    after = merge_axis_mask(mask, columns, 1).reshape(len(mask), len(columns), *(1,) * (scores.ndim - 2))
    return merge_axis(merged, rows, 0, name, after, alone=changes_single(name))
