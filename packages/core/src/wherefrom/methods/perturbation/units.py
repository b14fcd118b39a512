"""Units that are removed and scored as one: the units of every perturbation method.

A *unit* is a stretch of tokens on one side. Removing it removes all its positions but those the question keeps (EOS,
a decoder's start token). A causal step sees only what stands before it, so for each output some units are *dummies*:
whether they are there changes nothing, and they get no score.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias, cast

import numpy as np
from attrs import Factory, field, frozen

from wherefrom.adapters import Side
from wherefrom.arrays import BoolArray, FloatArray, IntArray, is_listed
from wherefrom.errors import InputError, SettingsError, nearest
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.settings import is_whole
from wherefrom.text.segmentation import LEVELS, Level, edges_of, unit_spans, word_or_character_spans
from wherefrom.text.tokens import Segment, Token

Span: TypeAlias = tuple[int, int]
Grouping: TypeAlias = str | tuple[Span, ...]
UnitsSetting: TypeAlias = str | tuple[Span, ...] | Mapping[str, Grouping]
"""``"auto"``, ``"token"``, ``"character"``, ``"word"``, ``"sentence"``, ``"turn"``, ``"document"``; or spans
``(start, end)``, end exclusive, of the source (encoder-decoder) or of the target (decoder-only); or one of these per
side, as a mapping."""

AUTO = "auto"
GROUPINGS = (AUTO, *LEVELS, "turn", "document")
MANY = 128
"""More units than this are not removed one by one unless asked for: larger ones are."""
WORD_OR_CHARACTER = "word or character"
"""Words, but single characters of scripts that put no space between words: what automatic units are of."""
AUTOMATIC = (WORD_OR_CHARACTER, "word", "sentence")
"""Levels of automatic units that are larger than tokens, the finest first."""


@frozen(kw_only=True, eq=False)
class Unit:
    """A stretch of tokens that is removed and scored as one."""

    side: Side
    start: int
    """First position."""
    end: int
    """Position after the last."""
    removable: IntArray = field(default=Factory(lambda unit: np.arange(unit.start, unit.end), takes_self=True))
    """The positions that its removal changes: all but the kept ones."""


@frozen(kw_only=True, eq=False)
class Units:
    """The units of one question, in order: those of the source, then those of the target."""

    members: tuple[Unit, ...]
    steps: IntArray
    """Target positions that are explained, shape ``(G,)``."""
    source_length: int | None
    """None for decoder-only models."""
    target_length: int
    note: str = ""
    """What there is to say about their choice; empty: nothing."""

    def __len__(self) -> int:
        return len(self.members)

    def of_side(self, side: Side) -> IntArray:
        """Indices of the units of one side."""
        return np.array([index for index, unit in enumerate(self.members) if unit.side == side], dtype=np.int64)

    def visible(self, last_steps: IntArray) -> BoolArray:
        """Which units can matter at all. Shape ``(units, outputs)``.

        Args:
            last_steps: The last target position of each output.
        """
        first = np.array([-1 if unit.side == "source" else _first(unit) for unit in self.members], dtype=np.int64)
        return first[:, None] < last_steps[None, :]

    def positions_removed(self, mask: BoolArray, side: Side) -> IntArray:
        """Positions of one side that a mask removes; ``mask`` is true for the units that stay."""
        gone = [
            unit.removable for unit, stays in zip(self.members, mask, strict=True) if not stays and unit.side == side
        ]
        return np.sort(np.concatenate(gone)) if gone else np.zeros(0, np.int64)

    def spread(self, scores: FloatArray, last_steps: IntArray) -> tuple[FloatArray | None, FloatArray]:
        """Scores of units as scores of tokens: each unit's is divided equally among the tokens an output can see.

        The sum over a unit's tokens is the unit's score, so adding tokens up (or showing units) loses nothing.

        Args:
            scores: Shape ``(units, outputs)``.
            last_steps: The last target position of each output.

        Returns:
            Scores of source tokens, ``(S, outputs)`` or None for decoder-only models, and of target tokens,
            ``(T, outputs)``.
        """
        source = None
        if self.source_length is not None:
            source = self._spread_side("source", scores, np.ones((self.source_length, len(last_steps)), bool))
        before = np.arange(self.target_length)[:, None] < last_steps[None, :]
        return source, self._spread_side("target", scores, before)

    def _spread_side(self, side: Side, scores: FloatArray, seen: BoolArray) -> FloatArray:
        members = np.zeros((len(seen), len(self.members)))
        for index, unit in enumerate(self.members):
            if unit.side == side:
                members[unit.removable if len(unit.removable) else np.arange(unit.start, unit.end), index] = 1.0
        counts = np.maximum(members.T @ seen, 1.0)
        spread: FloatArray = seen * (members @ (scores / counts))
        return spread

    def described(self) -> dict[str, list[list[int]]]:
        """Spans of the units per side, as JSON values."""
        spans: dict[str, list[list[int]]] = {}
        for unit in self.members:
            spans.setdefault(unit.side, []).append([unit.start, unit.end])
        return spans


def last_steps(target_function: TargetFunction, steps: IntArray) -> IntArray:
    """The last target position that each output of a target function reads. Shape ``(outputs,)``."""
    if target_function.groups is None:
        return steps
    last = np.zeros(target_function.outputs, np.int64)
    np.maximum.at(last, target_function.groups, steps)
    return last


def too_many_units(method: str, most: int, counted: str) -> InputError:
    """The error for a method that takes fewer units than there are.

    Args:
        counted: How many there are, as a clause.
    """
    return InputError(
        f"{method} takes at most {most} units, and {counted}. Use larger units (units='sentence' or spans), or the "
        "methods kernel_shap or shapley_value_sampling."
    )


def units_of(
    question: Question,
    units: UnitsSetting = "token",
    *,
    generated: bool = True,
    kept_too: bool = False,
) -> Units:
    """The units that may be removed when this question is asked.

    Args:
        units: What a unit is.
        generated: Are tokens from the first explained step on units of later steps?
        kept_too: List units that consist of kept positions only? They can be in a window, but not be removed.

    Raises:
        InputError: A span is empty, outside the sequence or overlaps another.
        SettingsError: ``units`` is no known word.
    """
    units = as_units(units)
    decoder_only = question.source_ids is None
    first, last = (int(question.steps[0]), int(question.steps[-1])) if len(question.steps) else (0, 0)
    answer = first if question.answer_start is None else question.answer_start
    note = ""
    if units == AUTO:
        units, note = _automatic(question, last)
    found: list[Unit] = []
    sides: list[tuple[Side, int, IntArray, tuple[Token, ...]]] = []
    if question.source_ids is not None:
        sides.append(("source", len(question.source_ids), question.kept_source, question.source_tokens))
    if decoder_only or question.attribute_target:
        sides.append(("target", last if generated else first, question.kept_target, question.target_tokens))
    for side, length, kept, tokens in sides:
        grouping = _grouping_for(units, side, decoder_only=decoder_only)
        whole = len(question.source_ids) if side == "source" and question.source_ids is not None else None
        limit = len(question.target_ids) if whole is None else whole
        for start, end in _spans(
            grouping, question, side, length, limit, tokens, boundary=answer if side == "target" else 0
        ):
            removable = np.setdiff1d(np.arange(start, end), kept)
            if len(removable) or kept_too:
                found.append(Unit(side=side, start=start, end=end, removable=removable))
    return Units(
        members=tuple(found),
        steps=question.steps,
        source_length=None if question.source_ids is None else len(question.source_ids),
        target_length=len(question.target_ids),
        note=note,
    )


def as_units(value: object) -> UnitsSetting:
    """A setting as users write it, checked as far as it can be without a question."""
    if isinstance(value, str):
        if value not in GROUPINGS:
            raise SettingsError(
                f"units = {value!r} is not known.{nearest(value, GROUPINGS)} "
                f"Use one of {', '.join(GROUPINGS)}, or spans such as [(0, 3), (3, 7)]."
            )
        return value
    if isinstance(value, Mapping) and value:
        wrong = [side for side in value if side not in ("source", "target")]
        if wrong:
            raise SettingsError(f"units names the side {wrong[0]!r}; sides are 'source' and 'target'.")
        return {side: as_units(item) for side, item in value.items()}  # type: ignore[misc]
    if isinstance(value, tuple) and not value:
        return ()  # no unit on a side, as `coarse_to_fine` asks for; what a user gives is no empty list
    if is_listed(value) and len(value):
        spans = [tuple(span) if is_listed(span) else span for span in value]
        if all(isinstance(span, tuple) and len(span) == 2 and all(map(is_whole, span)) for span in spans):
            return tuple((int(span[0]), int(span[1])) for span in spans)
    raise SettingsError(
        f"units = {value!r} is neither a word ({', '.join(GROUPINGS)}) nor a list of (start, end) spans."
    )


def _first(unit: Unit) -> int:
    return int(unit.removable[0]) if len(unit.removable) else unit.start


def _automatic(question: Question, last: int) -> tuple[UnitsSetting, str]:
    """The finest units that are not too many, and what there is to say about them: tokens, or those of `AUTOMATIC`; in
    a chat these within what the user wrote.

    Args:
        last: The last position that is explained.
    """
    tokens = question.target_tokens if question.source_ids is None else question.source_tokens
    length = last if question.source_ids is None else len(question.source_ids)
    stretches = written_by_user(question)
    if len(tokens) < length or (not stretches and length <= MANY):
        return "token", ""
    cuts = {level: spans_within(tokens, stretches or [(0, length)], level) for level in AUTOMATIC}
    level = next((level for level, spans in cuts.items() if len(spans) <= MANY), "sentence")
    removed = _named(level, unspaced=len(cuts[WORD_OR_CHARACTER]) > len(cuts["word"]))
    if not stretches:
        note = f"{length} tokens are more than {MANY}, so {removed} are removed; units='token' removes each token"
        return level, note
    if level == WORD_OR_CHARACTER:
        return tuple(cuts[level]), ""
    finer, wrote = (
        ("word", f"{len(cuts['word'])} words")
        if level == "sentence"
        else ("character", f"{len(cuts[WORD_OR_CHARACTER])} words and characters")
    )
    return tuple(cuts[level]), (
        f"the user wrote {wrote}, more than {MANY}, so {removed} are removed; units={finer!r} removes each {finer} of "
        "the chat"
    )


def _named(level: str, *, unspaced: bool) -> str:
    """What a note calls the units of a level of `AUTOMATIC`.

    Args:
        unspaced: Are there scripts without spaces in the text?
    """
    if level == "sentence" or not unspaced:
        return "sentences" if level == "sentence" else "words"
    if level == "word":
        return "words, in scripts without spaces all up to the next mark,"
    return "words and, of scripts without spaces, characters"


def spans_within(tokens: Sequence[Token], stretches: Sequence[Span], level: str) -> list[Span]:
    """The units of a level of `AUTOMATIC` in stretches of a side's tokens."""
    return [
        (begin + start, begin + end)
        for begin, stop in stretches
        for start, end in _cut(tokens[begin:stop], level, breaks=())
    ]


def written_by_user(question: Question) -> list[Span]:
    """The stretches of a chat's target that automatic units lie in: what the user wrote. Empty: it is no chat."""
    if question.source_ids is not None:
        return []
    turns = [one for one in question.segments if one.kind == "turn" and one.label == "user" and one.start < one.end]
    return [(turn.start, turn.end) for turn in turns if turn.end <= len(question.target_tokens)]


def _grouping_for(units: UnitsSetting, side: Side, *, decoder_only: bool) -> Grouping:
    if isinstance(units, Mapping):
        return units.get(side, "token")
    if isinstance(units, str) or decoder_only or side == "source":
        return units
    return "token"


def _spans(
    grouping: Grouping,
    question: Question,
    side: Side,
    length: int,
    limit: int,
    tokens: tuple[Token, ...],
    *,
    boundary: int,
) -> list[Span]:
    if not isinstance(grouping, str):
        return _given(grouping, side, length, limit)
    if grouping in ("token", AUTO):  # automatic on one side of an encoder-decoder
        return [(position, position + 1) for position in range(length)]
    if grouping in ("turn", "document"):
        sides: tuple[Side, ...] = (side,) if question.source_ids is not None else ("source", "target")
        given = sorted({(item.start, item.end) for item in question.segments if _is(item, sides, grouping)})
        if not given and side == ("target" if question.source_ids is None else "source"):
            raise InputError(
                f"units = {grouping!r}, but the input has no {grouping}s. Give a chat or documents, or use 'sentence'."
            )
        return _given(tuple(given), side, length, limit)
    if len(tokens) < length:
        raise InputError(
            f"units = {grouping!r} needs the tokens of the {side}, and the question has {len(tokens)} for {length} "
            "positions. Pass source_tokens and target_tokens, or give spans."
        )
    edges = edges_of(tokens, [one for one in question.segments if one.side == side])
    found = _cut(tokens, grouping, breaks={boundary, *edges})
    return [(start, min(end, length)) for start, end in found if start < length]


def _cut(tokens: Sequence[Token], level: str, *, breaks: Collection[int]) -> list[Span]:
    if level == WORD_OR_CHARACTER:
        return word_or_character_spans(tokens, breaks=breaks)
    return unit_spans(tokens, cast("Level", level), breaks=breaks)


def _is(segment: Segment, sides: tuple[Side, ...], kind: str) -> bool:
    return segment.side in sides and segment.kind == kind and segment.start < segment.end


def _given(spans: tuple[Span, ...], side: Side, length: int, limit: int) -> list[Span]:
    previous = 0
    cut: list[Span] = []
    for start, end in sorted(spans):
        if not 0 <= start < end <= limit:
            raise InputError(
                f"The unit ({start}, {end}) of the {side} does not lie in its {limit} tokens. "
                "Spans are (start, end) token positions, end exclusive."
            )
        if start < previous:
            raise InputError(
                f"The unit ({start}, {end}) of the {side} overlaps the one before, which ends at {previous}."
            )
        previous = end
        if start < length:
            cut.append((start, min(end, length)))
    return cut
