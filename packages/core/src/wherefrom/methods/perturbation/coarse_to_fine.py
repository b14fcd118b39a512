"""A budget of forward passes, spent where it matters: large units first, and the strongest of them taken apart.

The text is cut into its largest units (documents or turns, then sentences), which are scored as ever. The strongest is
then cut into its parts, and the same method scores these while all the rest stays in place; what it finds is shifted
alike so that the parts add up to the unit they came from. So it goes on with the strongest unit that is left, as long
as the budget lasts and units score more than their standard errors. Where the budget is enough for all units at once,
they are scored at once and nothing is cut.

Source:
    Monteiro Paes et al. (2024), MExGen, https://arxiv.org/abs/2403.14459, in spirit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import ScoringModel, Side
from wherefrom.arrays import FloatArray, IntArray, to_numpy
from wherefrom.errors import InputError, SettingsError
from wherefrom.methods.contract import Scores
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.answering import ALONE
from wherefrom.methods.perturbation.enough import needed
from wherefrom.methods.perturbation.settings import PerturbationSettings, SampledSettings
from wherefrom.methods.perturbation.units import (
    AUTO,
    WORD_OR_CHARACTER,
    Span,
    Unit,
    Units,
    last_steps,
    spans_within,
    too_many_units,
    units_of,
    written_by_user,
)
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.question import Question
from wherefrom.text.merging import merged_token

LEVELS = ("document", "turn", "sentence", "word", "token", "character")
"""From coarse to fine; where characters are asked for, words are cut into them, and by default in a chat words of
scripts without spaces."""
FIRST_SHARE = 0.5
"""Of the budget, for the largest units of a sampled method: the rest is for what is in them."""

NAMED = 3
"""Units whose parts warnings are told of one by one."""


class _AsksOfAll(Protocol):
    """Answers about all its units at once."""

    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]: ...


M = TypeVar("M", bound=PerturbationSettings)


def budget_cost(method: PerturbationSettings, question: Question) -> Cost:
    """What all units at once cost, or the budget if that is less: a bound then."""
    assert method.budget is not None
    if not _at_once(method, question):
        return Cost(forwards=method.budget, at_most=True)
    return _free(method).cost(question)


def require_budget(method: PerturbationSettings, model: ScoringModel, question: Question) -> None:
    """Refuse what `within_budget` refuses, before anything is run.

    Raises:
        SettingsError: The budget is less than the largest units cost, or units are no level that others are cut into.
        InputError: There are no units, or more of the largest than the method takes.
    """
    if not _at_once(method, question):
        _Search(method, model, question, no_progress).largest()


def within_budget(
    method: PerturbationSettings, model: ScoringModel, questions: Sequence[Question], progress: Progress
) -> Iterator[Scores]:
    """Answer questions, each within the method's budget.

    Raises:
        SettingsError: The budget is less than the largest units cost, or units are no level that others are cut into.
        InputError: There are no units, or more of the largest than the method takes.
    """
    for question in questions:
        if _at_once(method, question):
            yield from _free(method).attribute(model, [question], progress)
        else:
            yield _Search(method, model, question, progress).answer()


@frozen(eq=False)
class _Piece:
    """A unit as it stands in the answer so far."""

    side: Side
    start: int
    end: int
    level: int
    """Index into the levels; its parts are looked for in the ones after it."""
    scores: FloatArray
    """Shape ``(outputs,)``."""
    errors: FloatArray | None
    """Standard errors, shape as ``scores``; None where nothing was drawn: they are 0 then."""

    @property
    def sure(self) -> bool:
        """Does it score more than its standard error, for any output?"""
        errors = 0.0 if self.errors is None else self.errors
        return bool((np.abs(self.scores) > errors).any())


class _Search:
    """The way from large units to small ones for one question."""

    def __init__(
        self, method: PerturbationSettings, model: ScoringModel, question: Question, progress: Progress
    ) -> None:
        within = written_by_user(question) if method.units == AUTO else []
        if method.units == AUTO:
            method = evolve(method, units="word" if within else "token")
        if method.units not in LEVELS:
            raise SettingsError(
                f"budget={method.budget} cuts large units into smaller ones, so units must be one of "
                f"{', '.join(LEVELS)}, not {method.units!r}. Leave budget out, or name a level."
            )
        self._method = method
        self._model = model
        self._question = question
        self._progress = progress
        finest = method.units
        self._finest = f"{finest}s"
        levels: list[str | tuple[Span, ...]] = [
            one for one in LEVELS[: LEVELS.index(finest) + 1] if one != "token" or finest == "token"
        ]
        words, finer = (spans_within(question.target_tokens, within, one) for one in ("word", WORD_OR_CHARACTER))
        if len(finer) > len(words):
            self._finest = "words and characters"
            levels.append(tuple(finer))
        self._cuts = [cut for level in levels if (cut := _spans_of(question, level, within)) is not None]
        self._ran = 0
        self._spent = 0
        self._first: Scores | None = None
        self._warnings: list[str] = []
        self._doubtful = 0

    def answer(self) -> Scores:
        """Large units, then parts of the strongest, until the budget is spent."""
        budget = self._method.budget
        assert budget is not None
        pieces = self._scored(self.largest(), budget)
        closed: list[_Piece] = []
        while pieces:
            largest = np.max([np.abs(piece.scores) for piece in (*pieces, *closed)], axis=0)
            sizes = [float((np.abs(piece.scores) / np.maximum(largest, 1e-300)).max()) for piece in pieces]
            piece = pieces.pop(int(np.argmax(sizes)))
            parts = self._parts(piece, budget - self._spent) if piece.sure else None
            if parts is None:
                closed.append(piece)
            else:
                pieces += parts
        return self._scores(sorted(closed, key=lambda piece: (piece.side, piece.start)), budget)

    def largest(self) -> int:
        """The level of the largest units that are more than one.

        Raises:
            SettingsError: The budget is less than they cost.
            InputError: There are no units, or more of the largest than the method takes.
        """
        if not self._cuts:
            raise InputError("There is nothing to take apart: the input has no units.")
        sizes = [sum(map(len, cut.values())) for cut in self._cuts]
        level = next((level for level, size in enumerate(sizes) if size > 1), len(sizes) - 1)
        whole, budget = _over(self._method, self._cuts[level]), self._method.budget
        assert budget is not None
        if whole.most_units is not None and _too_many(whole, self._question):
            raise too_many_units(whole.identifier, whole.most_units, f"the largest are {sizes[level]}")
        if _within(whole, self._question, budget) is None:
            raise SettingsError(
                f"budget={budget} is too little: the {sizes[level]} largest units cost "
                f"{whole.cost(self._question).forwards} forwards. Give a larger budget, or use a method that asks less."
            )
        return level

    def _scored(self, level: int, budget: int) -> list[_Piece]:
        """The units of a level; of a sampled method within half of the budget, if that will do."""
        cut = self._cuts[level]
        share = int(FIRST_SHARE * budget) if isinstance(self._method, SampledSettings) else budget
        return self._run(cut, share, level) or self._run(cut, budget, level) or []

    def _parts(self, piece: _Piece, left: int) -> list[_Piece] | None:
        """The parts of a unit, adding up to it; None: it has none, or the budget does not reach."""
        for level in range(piece.level + 1, len(self._cuts)):
            inside = self._inside(piece, level)
            if len(inside) > 1:
                other: Side = "source" if piece.side == "target" else "target"
                found = self._run({piece.side: inside, other: ()}, left, level)
                return None if found is None or len(found) < 2 else _adding_up(found, piece, self._last)
        return None

    def _inside(self, piece: _Piece, level: int) -> tuple[Span, ...]:
        """What a unit is cut into at a level: parts with something to remove."""
        parts = _overlaps(self._cuts[level].get(piece.side, ()), [(piece.start, piece.end)])
        return tuple(part for part in parts if len(_removable(self._question, piece.side, part)))

    @property
    def _last(self) -> Any:
        return last_steps(self._question.target_function, self._question.steps)

    def _run(self, cut: dict[Side, tuple[Span, ...]], left: int, level: int) -> list[_Piece] | None:
        """Score these units, all else in place; None if that costs more than is left."""
        method = _within(_over(self._method, cut), self._question, left)
        if method is None:
            return None
        question = self._question if self._first is None else evolve(self._question, scores={})
        tell = self._progress if self._first is None else no_progress
        (scores,) = self._told(method).whole(self._model, [question], tell)
        self._ran += int(scores.details["forwards"])
        self._spent += int(scores.details.get(ALONE, scores.details["forwards"]))
        self._warn(scores.warnings, cut)
        self._first = scores if self._first is None else self._first
        errors = scores.details.get("standard_error")
        found = []
        index = 0
        for side, spans in scores.details["units"].items():
            values = to_numpy(scores.source if side == "source" else scores.target).astype(np.float64)
            for start, end in spans:
                error = None if errors is None else np.asarray(errors[index], dtype=np.float64)
                found.append(_Piece(side, start, end, level, values[start:end].sum(axis=0), error))
                index += 1
        return found

    def _told(self, method: PerturbationSettings) -> _AsksOfAll:
        """The method, with the budget where that left it fewer samples, so that a warning advises a larger one."""
        cut = isinstance(method, SampledSettings) and method.n_samples != cast(SampledSettings, self._method).n_samples
        return cast(_AsksOfAll, evolve(method, budget=self._method.budget) if cut else method)

    def _warn(self, warnings: Sequence[str], cut: dict[Side, tuple[Span, ...]]) -> None:
        """Keep what a run said, once; of parts with the unit that they are of, so long as these are few."""
        new = [one for one in warnings if one not in self._warnings]
        if self._first is None:
            self._warnings += new
        elif new:
            self._doubtful += 1
            if self._doubtful <= NAMED:
                ((side, spans),) = ((side, spans) for side, spans in cut.items() if spans)
                tokens = self._question.source_tokens if side == "source" else self._question.target_tokens
                part = tokens[spans[0][0] : spans[-1][1]]
                name = merged_token(part).text if part else f"{side} {spans[0][0]} to {spans[-1][1]}"
                name = name if len(name) <= 40 else f"{name[:39]}…"
                self._warnings += [f"{one} This is of the parts of {name!r}." for one in new]

    def _scores(self, pieces: Sequence[_Piece], budget: int) -> Scores:
        assert self._first is not None
        cut: dict[Side, list[Span]] = {"source": [], "target": []}
        for piece in pieces:
            cut[piece.side].append((piece.start, piece.end))
        units = Units(
            members=tuple(self._unit(piece) for piece in pieces),
            steps=self._question.steps,
            source_length=None if self._question.source_ids is None else len(self._question.source_ids),
            target_length=len(self._question.target_ids),
        )
        source, target = units.spread(np.stack([piece.scores for piece in pieces]), self._last)
        whole = [piece for piece in pieces if self._divisible(piece)]
        details = {
            "units": units.described(),
            "baseline": self._method.baseline,
            "forwards": self._ran,
            **({} if self._spent == self._ran else {ALONE: self._spent}),
            "budget": budget,
            "left_whole": [[piece.side, piece.start, piece.end] for piece in whole],
        }
        if any(piece.errors is not None for piece in pieces):
            scores = np.stack([piece.scores for piece in pieces])
            errors = np.stack([np.zeros_like(one.scores) if one.errors is None else one.errors for one in pieces])
            details["largest_score"] = np.abs(scores).max(axis=0).tolist()
            details["standard_error"] = errors.tolist()
        warnings = tuple(self._warnings)
        if self._doubtful > NAMED:
            more = f"warnings like these concern the parts of {self._doubtful - NAMED} more units."
            warnings = (*warnings, f"{self._method.identifier}: {more}")
        if whole:
            everything = _over(self._method, self._cuts[-1])
            takes = (
                f"it takes at most {everything.most_units} units at once"
                if _too_many(everything, self._question)
                else f"all {self._finest} at once take {everything.cost(self._question).forwards} forwards"
            )
            warnings = (
                *warnings,
                f"{self._method.identifier}: with budget={budget}, {len(whole)} of {len(pieces)} units were left "
                f"whole; {takes}.",
            )
        wanted = self._question.source_ids is None or self._question.attribute_target
        return Scores(
            source=source,
            target=target if wanted else None,
            step_scores=self._first.step_scores,
            details=details,
            warnings=warnings,
        )

    def _unit(self, piece: _Piece) -> Unit:
        span = (piece.start, piece.end)
        return Unit(
            side=piece.side,
            start=piece.start,
            end=piece.end,
            removable=_removable(self._question, piece.side, span),
        )

    def _divisible(self, piece: _Piece) -> bool:
        """Has it parts that were not looked at?"""
        return any(len(self._inside(piece, level)) > 1 for level in range(piece.level + 1, len(self._cuts)))


def _adding_up(parts: Sequence[_Piece], whole: _Piece, last: Any) -> list[_Piece]:
    """The parts shifted alike, where an output sees them, so that their scores sum to the whole's; each has its share
    of the whole's error, too."""
    scores = np.stack([part.scores for part in parts])
    first = np.array([-1 if part.side == "source" else part.start for part in parts])
    seen = first[:, None] < last[None, :]
    missing = whole.scores - (scores * seen).sum(axis=0)
    among = np.maximum(seen.sum(axis=0), 1)
    scores = seen * (scores + missing / among)
    shared = None if whole.errors is None else whole.errors / among
    errors = [_together(part.errors, shared) for part in parts]
    return [evolve(part, scores=row, errors=error) for part, row, error in zip(parts, scores, errors, strict=True)]


def _together(one: FloatArray | None, other: FloatArray | None) -> FloatArray | None:
    """The standard error of a sum, from those of its two terms; None: nothing was drawn for it."""
    if one is None or other is None:
        return other if one is None else one
    both: FloatArray = np.hypot(one, other)
    return both


def _spans_of(
    question: Question, level: str | tuple[Span, ...], within: Sequence[Span]
) -> dict[Side, tuple[Span, ...]] | None:
    """The units of one level, or given ones, on both sides, gaps between them as units too where something in them can
    be removed; None where the input has no such level.

    Args:
        within: The stretches of the target that may be removed; empty: all of it.
    """
    try:
        units = units_of(question, level)
    except InputError:
        if level in ("document", "turn"):
            return None
        raise
    everything = units_of(question, "token")
    cut: dict[Side, tuple[Span, ...]] = {"source": (), "target": ()}
    for side in ("source", "target"):
        members = [everything.members[index] for index in everything.of_side(side)]
        if not members:
            continue
        named = [(units.members[i].start, units.members[i].end) for i in units.of_side(side)]
        filled = _filled(named, members[0].start, members[-1].end)
        if within:
            filled = _overlaps(filled, within)
        cut[side] = tuple(span for span in filled if len(_removable(question, side, span)))
    return cut


def _removable(question: Question, side: Side, span: Span) -> IntArray:
    """The positions of a span that its removal changes."""
    return np.setdiff1d(np.arange(*span), question.kept(side))


def _filled(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    """``spans`` and what lies between, before and behind them."""
    at = start
    for first, last in spans:
        if at < first:
            yield (at, first)
        yield (first, last)
        at = last
    if at < end:
        yield (at, end)


def _overlaps(spans: Iterable[Span], within: Sequence[Span]) -> Iterator[Span]:
    """What of ``spans`` lies in the stretches ``within``."""
    for start, end in spans:
        for first, last in within:
            if start < last and end > first:
                yield (max(start, first), min(end, last))


def _over(method: M, cut: dict[Side, tuple[Span, ...]]) -> M:
    """The method without a budget over given units."""
    return evolve(method, units=cut, budget=None)


def _within(method: PerturbationSettings, question: Question, left: int) -> PerturbationSettings | None:
    """The method as it is, or with as many samples as what is left allows; None if that is too little, or
    the units are too many."""
    if _too_many(method, question):
        return None
    if method.cost(question).forwards <= left:
        return method
    if not isinstance(method, SampledSettings):
        return None
    fewest = needed(method, len(units_of(question, method.units)))
    most = left if method.n_samples == "auto" else min(left, int(method.n_samples))
    while most >= fewest:
        fewer = evolve(method, n_samples=most)
        if fewer.cost(question).forwards <= left:
            return fewer
        most -= max(1, most // 8)
    return None


def _too_many(method: PerturbationSettings, question: Question) -> bool:
    """Are there more units than the method takes at once?"""
    return method.most_units is not None and len(units_of(question, method.units)) > method.most_units


def _at_once(method: PerturbationSettings, question: Question) -> bool:
    """Does the budget do for all units at once?"""
    assert method.budget is not None
    return not _too_many(method, question) and _free(method).cost(question).forwards <= method.budget


def _free(method: M) -> M:
    return evolve(method, budget=None)
