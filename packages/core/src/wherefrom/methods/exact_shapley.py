"""Exact Shapley values, by all coalitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import factorial
from typing import ClassVar

import numpy as np
from attrs import frozen

from wherefrom.adapters import PredictsSteps, ScoringModel
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.errors import InputError
from wherefrom.methods.contract import Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.answering import answer
from wherefrom.methods.perturbation.budgeted import Budgeted
from wherefrom.methods.perturbation.coalitions import all_coalitions
from wherefrom.methods.perturbation.cost import planned_cost
from wherefrom.methods.perturbation.drawing import run_plan
from wherefrom.methods.perturbation.units import Units, too_many_units, units_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.text.places import joined_text

MOST_UNITS = 12


@method("exact_shapley", needs=(PredictsSteps,), signed=True, uses_target_function=True, differentiates=False)
@frozen(kw_only=True)
class ExactShapley(Budgeted):
    """Shapley values of at most twelve units, from all ``2**units`` coalitions.

    A unit's score is what it adds to a coalition, averaged over all orders in which the units could arrive. Scores sum
    to ``f(x) - f(x without all units)``, units that do the same get the same, and units that never matter get 0.

    Good for: sentences, documents, or a handful of given spans, and as the truth that estimates are compared with.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: ``2**units``
    forwards for all steps together, and one for each coalition that leaves some steps nothing to predict from, and
    others something.

    Source:
        Shapley (1953), "A value for n-person games".
    """

    most_units: ClassVar[int | None] = MOST_UNITS

    def whole_cost(self, question: Question) -> Cost:
        units = units_of(question, self.units)
        if len(units) > MOST_UNITS:
            return Cost(forwards=2 ** len(units), at_most=True)
        return planned_cost(question, units, self.plan(units), self.baseline)

    def cost_on(self, model: ScoringModel, question: Question) -> Cost:
        """What it costs, or the refusal: no price for what will not be done."""
        if self.budget is None:
            _require_few(units_of(question, self.units), "an input")
        return super().cost_on(model, question)

    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        games = [units_of(question, self.units) for question in questions]
        for question, units in zip(questions, games, strict=True):
            _require_few(units, _named(question))
        return self._answers(model, questions, games, progress)

    def _answers(
        self, model: ScoringModel, questions: Sequence[Question], games: Sequence[Units], progress: Progress
    ) -> Iterator[Scores]:
        for question, units in zip(questions, games, strict=True):
            yield answer(self, question, run_plan(self, model, question, units, self.plan(units), progress))

    def plan(self, units: Units, rng: np.random.Generator | None = None) -> BoolArray:
        """All coalitions. Nothing is random: ``rng`` is not used."""
        return all_coalitions(len(units))

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """The values; see `ablation.Solver`. All coalitions must be among the masks.

        Raises:
            InputError: Some are not.
        """
        return exact_values(masks, values, visible)


def _named(question: Question) -> str:
    """An input by its first words: which of a call's examples it is, a batch does not know."""
    read = question.source_tokens or question.target_tokens[: int(question.steps[0])]
    text = joined_text(read)[0].strip()
    if not text:
        return "an input"
    return f"the input {text if len(text) <= 40 else text[:40] + '...'!r}"


def _require_few(units: Units, whose: str) -> None:
    if len(units) > MOST_UNITS:
        raise too_many_units("exact_shapley", MOST_UNITS, f"{whose} has {len(units)}")


def exact_values(masks: BoolArray, values: FloatArray, visible: BoolArray) -> FloatArray:
    """Shapley values from the worth of all coalitions.

    Args:
        masks: All coalitions, in any order, repeats allowed. Shape ``(rows, players)``.
        values: Their worth. Shape ``(rows, outputs)``.
        visible: Which players can matter to which output. Shape ``(players, outputs)``.

    Raises:
        InputError: Some coalitions are missing.
    """
    count = masks.shape[1]
    if not count:
        return np.zeros(visible.shape)
    codes = masks @ (1 << np.arange(count, dtype=np.int64))
    order, first = np.unique(codes, return_index=True)
    if len(order) != 2**count:
        raise InputError(f"exact_shapley needs all {2**count} coalitions of {count} units, and got {len(order)}.")
    worth = values[first]
    size = masks[first].sum(axis=1)
    share = np.array([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
    scores = np.zeros(visible.shape)
    for player in range(count):
        without = np.flatnonzero(~masks[first, player])
        scores[player] = share[size[without]] @ (worth[without + (1 << player)] - worth[without])
    return visible * scores
