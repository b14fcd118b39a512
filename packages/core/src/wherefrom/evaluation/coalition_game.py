"""A result's output as a cooperative game: for libraries that solve games, of any order."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.adapters import PredictsSteps, ScoringModel
from wherefrom.adapters.check import lacking
from wherefrom.adapters.given import adapter_of
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, ShapeError
from wherefrom.evaluation.asking import evaluated_units, question_of
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.removal import as_baseline, check_baseline
from wherefrom.methods.perturbation.units import Unit, UnitsSetting
from wherefrom.results.data import AttributionData
from wherefrom.results.given import require_result
from wherefrom.settings import check_call
from wherefrom.step_functions.base import StepFunction
from wherefrom.text.merging import merged_token


@frozen(kw_only=True, eq=False)
class CoalitionGame:
    """What an output is worth when only some units of the input stay.

    Call it with coalitions, boolean, shape ``(rows, units)``, true for the units that stay; it gives their worth,
    shape ``(rows,)``. A coalition is run once, however often it is asked for. This is what ``shapiq`` asks of a game::

        game = coalition_game(result[0], model, units="sentence")
        shapiq.KernelSHAPIQ(n=game.n_units, max_order=3, index="k-SII").approximate(budget=200, game=game)
    """

    unit_names: tuple[str, ...]
    """The text of each unit."""
    members: IntArray
    """Indices of its units among the table's; the others stand behind the span and stay."""
    inside: IntArray
    """Indices of the span among the explained steps."""
    table: GrowingTable

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return len(self.unit_names)

    @property
    def forwards(self) -> int:
        """Passes that were run so far."""
        return self.table.forwards

    def __call__(self, coalitions: Any) -> FloatArray:
        """See the class.

        Raises:
            ShapeError: Coalitions are not as long as there are units.
        """
        masks: BoolArray = np.atleast_2d(np.asarray(coalitions, dtype=bool))
        if masks.ndim != 2 or masks.shape[1] != self.n_units:
            raise ShapeError(
                f"Coalitions of shape {masks.shape} for {self.n_units} units; expected (rows, {self.n_units})."
            )
        full = np.ones((len(masks), len(self.table.units)), bool)
        full[:, self.members] = masks
        worth: FloatArray = self.table.worth(full)[:, self.inside].sum(axis=1)
        return worth


def coalition_game(
    result: AttributionData,
    model: AttributionModel,
    *,
    span: tuple[int, int] | None = None,
    units: UnitsSetting = "auto",
    removal: str | int = "delete",
    function: StepFunction | None = None,
) -> CoalitionGame:
    """The game of one output of a result. Nothing is run yet.

    Args:
        result: Of single tokens; its scores are not looked at.
        model: The model that will be asked.
        span: Explained target positions ``(first, last + 1)``; None: the first one. Values are summed over a span.
        units: As perturbation methods take them: those that stand before the span.
        removal: How those that are not in a coalition are taken away.
        function: A step function; None: the log-probability, in nats.

    Raises:
        InputError: The result was merged, or the span holds no explained step.
    """
    check_call(coalition_game, locals())
    require_result(result)
    adapter = adapter_of(model)
    if not isinstance(adapter, ScoringModel):
        raise lacking(adapter, PredictsSteps, "A coalition game")
    removal = as_baseline(removal, name="removal")
    check_baseline(removal, adapter, "A coalition game", name="removal")
    question = question_of(adapter, result, function=function)
    found = evaluated_units(question, result, units)
    first, end = (result.attr_pos_start, result.attr_pos_start + 1) if span is None else span
    inside = np.flatnonzero((question.steps >= first) & (question.steps < end))
    if not len(inside):
        raise InputError(f"The span {(first, end)} holds none of the explained steps {question.steps.tolist()}.")
    members = np.flatnonzero(found.visible(question.steps[inside[:1]])[:, 0])
    if not len(members):
        raise InputError(f"Nothing that could be removed stands before the span {(first, end)}.")
    names = tuple(_name(found.members[index], result) for index in members)
    return CoalitionGame(
        unit_names=names, members=members, inside=inside, table=GrowingTable(adapter, question, found, removal)
    )


def _name(unit: Unit, result: AttributionData) -> str:
    tokens = result.source if unit.side == "source" else result.target
    return merged_token(tokens[unit.start : unit.end]).text
