"""Spans of the output as one target: a phrase, a sentence or everything that was said.

The value of a span is the sum of its tokens' values, so the function should be one that adds up: the
log-probability of a span is the sum of its tokens' log-probabilities. The result has one column per span
instead of one per token.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, cast

import attrs
import numpy as np
from attrs import frozen

from wherefrom.arrays import IntArray, is_listed
from wherefrom.errors import InputError, SettingsError, nearest
from wherefrom.settings import is_pair
from wherefrom.step_functions.base import HasLogarithm, StepFunction
from wherefrom.text.places import as_setting, held_by, joined_text, matches_in, pattern_of
from wherefrom.text.segmentation import Level, edges_of, unit_starts
from wherefrom.text.tokens import Segment, Token

Span: TypeAlias = "str | re.Pattern[str] | tuple[int, int] | Sequence[tuple[int, int]]"
"""``"all"``, ``"sentence"``, ``"word"``, ``"character"``, a (first, last + 1) pair of target positions, a list of
pairs, a piece of the output's text, or a regular expression, compiled or as text between slashes; see
`wherefrom.text.places.Place`."""

KINDS = ("all", "sentence", "word", "character")


@frozen(kw_only=True, eq=False)
class SpanTargets:
    """Which steps are explained, and which of them together."""

    steps: IntArray
    """Explained target positions, shape ``(G,)``, ascending and without gaps."""
    groups: IntArray
    """Number of each step's span, shape ``(G,)``, ascending from 0: the ``groups`` of an `TargetFunction`."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """(first, last + 1) of each group, in target positions."""
        firsts = np.flatnonzero(np.diff(self.groups, prepend=-1))
        ends = [*firsts[1:].tolist(), len(self.groups)]
        return tuple(
            (int(self.steps[first]), int(self.steps[end - 1]) + 1)
            for first, end in zip(firsts.tolist(), ends, strict=True)
        )


def checked_span(what: Any) -> Any:
    """A span as a setting, a compiled pattern as text; what names no span of any output is refused before there is one.

    Args:
        what: As `span_targets` takes it, or None.

    Raises:
        InputError: It is neither a text, nor a regular expression, nor a pair of positions, nor a list of pairs.
    """
    if pattern_of(what, "attributed_span") is not None:
        return as_setting(what)
    if what is None or isinstance(what, str):
        return what
    if not is_listed(what):
        raise InputError(
            f"attributed_span={what!r}: expected {', '.join(map(repr, KINDS))}, a piece of the output's text, a "
            "regular expression, (first, last + 1) target positions or a list of these."
        )
    for span in _pairs(what):
        if not is_pair(span):
            raise InputError(
                f"attributed_span={what!r}: expected (first, last + 1) target positions or a list of these, got "
                f"{span!r}."
            )
    if not len(what):
        raise InputError("attributed_span is an empty list. Give at least one span, or leave it out.")
    return what


def _pairs(what: Any) -> list[Any]:
    return [what] if is_pair(what) else list(what)


def span_targets(
    what: Span,
    tokens: Sequence[Token],
    steps: IntArray,
    segments: Iterable[Segment] = (),
    *,
    answer_start: int | None = None,
) -> SpanTargets:
    """The spans that ``what`` names among the steps.

    Steps between two spans are explained one by one, so that columns stay without gaps; steps before the
    first and after the last are left out.

    Args:
        what: ``"all"``, ``"sentence"``, ``"word"`` or ``"character"`` (plurals too); a pair of absolute target
            positions, end exclusive, or a list of these; a regular expression, each match of which is a span; else a
            piece of the output's text, to be found exactly once.
        tokens: The target, as the positions count.
        steps: Target positions that could be explained, ascending and without gaps.
        segments: Of the target, where texts of several writers stand in it.
        answer_start: First position that was answered rather than given; None: the first step.

    Raises:
        InputError: The spans lie outside of the steps, overlap, are empty, or the text is not found once.

    Example:
        >>> said = ["<s>", "I", " came", ".", " I", " saw", "."]
        >>> tokens = [Token(id=i, piece=t, text=t, position=i) for i, t in enumerate(said)]
        >>> span_targets("sentence", tokens, np.arange(1, 7)).spans
        ((1, 4), (4, 7))
        >>> span_targets("I saw", tokens, np.arange(1, 7)).spans
        ((4, 6),)
    """
    if not len(steps):
        raise InputError("There is no step to explain, so there is no span. Give a longer target.")
    pattern = pattern_of(what, "attributed_span")
    if pattern is not None:
        spans = _matched(pattern, tokens, steps)
    elif isinstance(what, str):
        kind = what if what in KINDS else what.removesuffix("s")
        edges = set() if answer_start is None else {answer_start}
        edges |= edges_of(tokens, segments)
        spans = _named(kind, tokens, steps, edges) if kind in KINDS else [_found(what, tokens, steps)]
    else:
        spans = _given(what, steps)
    bounds = sorted({bound for span in spans for bound in span})
    inside = np.zeros(bounds[-1] + 1, dtype=bool)
    for first, end in spans:
        inside[first:end] = True
    kept = np.arange(bounds[0], bounds[-1], dtype=np.int64)
    begins = {first for first, _ in spans}
    # a group begins with each span, and with each step that no span holds
    new = [int(step) in begins or not inside[step] for step in kept]
    return SpanTargets(steps=kept, groups=(np.cumsum(new) - 1).astype(np.int64))


def additive(function: StepFunction) -> StepFunction:
    """The form of a function that adds up over a span: logarithms where its values would multiply.

    ``probability`` becomes ``probability(logprob=True)``, ``perplexity`` becomes ``crossentropy``, and a difference of
    probabilities that of logarithms; functions that add up already, and those without a form that does, come back as
    they are.
    """
    if isinstance(function, HasLogarithm):
        return function.logarithm
    if function.span_aggregation == "sum" or "logprob" not in attrs.fields_dict(type(function)):  # type: ignore[arg-type]
        return function
    logarithmic: StepFunction = attrs.evolve(function, logprob=True)  # type: ignore[misc]
    return logarithmic if logarithmic.span_aggregation == "sum" else function


def target_of_spans(function: StepFunction) -> StepFunction:
    """The form of a function that is summed over a span, see `additive`.

    Raises:
        SettingsError: Its values multiply, and it has no form that adds up.
    """
    found = additive(function)
    if found.span_aggregation == "prod":
        raise SettingsError(
            f"{function.identifier} multiplies over a span, and attributed_span explains a sum. Give a function of "
            "logarithms, whose rule for spans is 'sum' (aggregate_map={'spans': 'sum'})."
        )
    return found


def _named(kind: str, tokens: Sequence[Token], steps: IntArray, edges: Collection[int]) -> list[tuple[int, int]]:
    first, end = int(steps[0]), int(steps[-1]) + 1
    if kind == "all":
        return [(first, end)]
    starts = unit_starts(tokens, cast("Level", kind), breaks={first, *edges})
    return list(pairwise([*(start for start in starts if first <= start < end), end]))


def _found(what: str, tokens: Sequence[Token], steps: IntArray) -> tuple[int, int]:
    """The tokens that hold a piece of text."""
    first, end = int(steps[0]), int(steps[-1]) + 1
    output = tokens[first:end]
    places = held_by(what, output)
    if len(places) != 1:
        many = "is not there" if not places else f"is there {len(places)} times"
        raise InputError(
            f"attributed_span={what!r}:{nearest(what, KINDS)} As a piece of the output it {many}; the output is "
            f"{joined_text(output)[0]!r}. Give {', '.join(map(repr, KINDS))}, a text found once, or (first, last + 1) "
            "target positions."
        )
    return first + int(places[0][0]), first + int(places[0][-1]) + 1


def _matched(pattern: re.Pattern[str], tokens: Sequence[Token], steps: IntArray) -> list[tuple[int, int]]:
    """The tokens of each match; matches that share a token are one span."""
    first, end = int(steps[0]), int(steps[-1]) + 1
    output = tokens[first:end]
    spans: list[tuple[int, int]] = []
    for match in matches_in(pattern, output):
        start, stop = first + int(match[0]), first + int(match[-1]) + 1
        if spans and start < spans[-1][1]:
            start = spans.pop()[0]
        spans.append((start, stop))
    if not spans:
        raise InputError(
            f"attributed_span: {pattern.pattern!r} matches nothing of the output, which is "
            f"{joined_text(output, special=True)[0]!r}. Give a regular expression that matches, a text found once, or "
            "(first, last + 1) target positions."
        )
    return spans


def _given(what: Any, steps: IntArray) -> list[tuple[int, int]]:
    checked_span(what)
    listed = _pairs(what)
    first, end = int(steps[0]), int(steps[-1]) + 1
    for span in listed:
        if not first <= span[0] < span[1] <= end:
            raise InputError(
                f"attributed_span: ({span[0]}, {span[1]}) is no span of the explained steps {first} to {end - 1}. Give "
                f"first and last + 1, with {first} <= first < last + 1 <= {end}."
            )
    spans = sorted((int(a), int(b)) for a, b in listed)
    for earlier, later in pairwise(spans):
        if later[0] < earlier[1]:
            raise InputError(f"attributed_span: {earlier} and {later} overlap. Every token can be in one span only.")
    return spans
