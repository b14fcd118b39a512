"""Larger units than tokens for display: words, sentences, turns, named spans. Where they begin, and how scores merge
over them.

A partition is written as the positions where its units begin: ``(0, 2, 3)`` cuts five tokens into 0-1, 2
and 3-4.
Merging never runs the model again; it folds rows and columns of the scores that are there.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from wherefrom.arrays import BoolArray
from wherefrom.errors import SettingsError, nearest
from wherefrom.results.aggregators import merging
from wherefrom.results.aggregators.functions import AGGREGATION_FUNCTIONS, combine
from wherefrom.text import segmentation
from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Segment, Token

Level: TypeAlias = Literal["token", "character", "word", "sentence", "turn", "span"]
LEVELS: tuple[Level, ...] = ("token", "word", "sentence", "turn", "character")
"""Those that any text has; ``"span"`` needs spans that somebody named."""
Merge: TypeAlias = Literal["sum", "mean", "max", "absmax", "l2"]
MERGES: tuple[Merge, ...] = ("sum", "mean", "absmax", "max", "l2")
MERGE_WORDS = {"sum": "sum", "mean": "mean", "absmax": "largest magnitude", "max": "maximum", "l2": "L2 norm"}
UNSIGNED: tuple[Merge, ...] = ("l2",)
"""What has no sign, whatever the scores of the tokens had."""


def unit_starts(
    tokens: Sequence[Token], level: Level, segments: Sequence[Segment] = (), *, breaks: Collection[int] = ()
) -> tuple[int, ...]:
    """Where the units of ``level`` begin; words and the like are those of `wherefrom.text.segmentation`.

    Args:
        tokens: One side's tokens, in order.
        level: ``"turn"`` follows ``segments`` (turns, documents, slots); without any, it is the whole sequence.
            ``"span"`` follows those of kind ``"span"``; other tokens stay alone.
        segments: Spans of this side.
        breaks: Indices at which a unit begins in any case, whatever the level, as the first explained step does.
    """
    if not tokens:
        return ()
    if level in segmentation.LEVELS:
        return segmentation.unit_starts(tokens, level, breaks={*breaks, *segmentation.edges_of(tokens, segments)})
    if level == "turn":
        turns = segmentation.segment_spans(tokens, [s for s in segments if s.kind != "span"])
        edges = {0, *breaks, *(edge for turn in turns for edge in turn)}
        return tuple(sorted(edge for edge in edges if 0 <= edge < len(tokens)))
    if level == "span":
        named = segmentation.placed_segments(tokens, [s for s in segments if s.kind == "span"])
        inside = {i for _, (start, end) in named for i in range(start + 1, end)}
        return tuple(i for i in range(len(tokens)) if i in breaks or i not in inside)
    known = (*LEVELS, "span")
    raise SettingsError(f"No granularity is called {level!r}.{nearest(level, known)} There are: {', '.join(known)}.")


def merged_block(
    scores: npt.NDArray[Any],
    visible: BoolArray,
    rows: Sequence[int],
    columns: Sequence[int],
    how: Merge,
    pieces: Sequence[int] | None = None,
) -> npt.NDArray[Any]:
    """Scores of units, as `wherefrom.results.aggregators.merging.merged_block` merges them. Hidden cells do not count.

    Args:
        scores: Shape ``(inputs, steps)``; 0 where hidden.
        visible: Same shape.
        rows: First row of each unit.
        columns: First column of each unit.
        how: Sum, mean over visible cells, signed value of largest magnitude, the first of several, maximum, or L2 norm.
        pieces: Of each row, the number of what it is a share of; None: each is whole.

    Returns:
        Shape ``(len(rows), len(columns))``.
    """
    inputs, steps = scores.shape
    of_rows, of_columns = list(itertools.pairwise([*rows, inputs])), list(itertools.pairwise([*columns, steps]))
    return merging.merged_block(scores, of_rows, of_columns, "vnorm" if how == "l2" else how, visible, pieces)


def merge_visible(visible: BoolArray, starts: Sequence[int]) -> BoolArray:
    """A unit is seen when any of its tokens is. Folds the first axis."""
    return np.logical_or.reduceat(visible, np.asarray(starts), axis=0) if len(starts) else visible[:0]


def merge_step_scores(values: npt.NDArray[Any], starts: Sequence[int], how: str) -> npt.NDArray[Any]:
    """Fold one step score over units; ``how`` is the step function's own way (``"prod"``, ``"sum"``, ...)."""
    return step_scores_of_spans(values, list(itertools.pairwise([*starts, len(values)])), how)


def step_scores_of_spans(values: npt.NDArray[Any], spans: Sequence[tuple[int, int]], how: str) -> npt.NDArray[Any]:
    """One step score of each of some spans, not empty; NaN of several steps of which it says nothing together, or where
    nobody knows its own way here."""
    known = how in AGGREGATION_FUNCTIONS
    merged = [
        values[start] if end - start == 1 else combine(how, values[start:end], 0) if known else np.nan
        for start, end in spans
    ]
    return np.array(merged, dtype=values.dtype if known else float)


def merged_tokens(tokens: Sequence[Token], starts: Sequence[int]) -> tuple[Token, ...]:
    """One token per unit; a unit of a single token is that token."""
    edges = [*starts, len(tokens)]
    return tuple(merged_token(tokens[a:b]) for a, b in itertools.pairwise(edges))
