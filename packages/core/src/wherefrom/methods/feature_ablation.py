"""Feature ablation, or leave-one-out: what is lost without one unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen

from wherefrom.adapters import PredictsSteps, ScoringModel
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.methods.contract import Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.answering import answer
from wherefrom.methods.perturbation.budgeted import Budgeted
from wherefrom.methods.perturbation.cost import planned_cost
from wherefrom.methods.perturbation.drawing import run_plan
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


@method(
    "feature_ablation",
    needs=(PredictsSteps,),
    signed=True,
    uses_target_function=True,
    differentiates=False,
    aliases=("leave_one_out",),
)
@frozen(kw_only=True)
class FeatureAblation(Budgeted):
    """Signed loss of the target function when one unit is removed: ``f(x) - f(x without it)``.

    It is occlusion with windows of one unit, under the name it has elsewhere; ``units`` decides what goes together.

    Good for: words, sentences or documents, and as the yardstick that faithfulness metrics rank against. Fails on
    redundancy, like occlusion.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``. Cost: one forward per unit and the clean one; two
    for a unit whose deletion leaves some steps nothing to predict from, and others something.

    Source:
        Li, Monroe & Jurafsky (2016), erasure, https://arxiv.org/abs/1612.08220.
    """

    def whole_cost(self, question: Question) -> Cost:
        units = units_of(question, self.units)
        return planned_cost(question, units, self.plan(units), self.baseline)

    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        for question in questions:
            units = units_of(question, self.units)
            yield answer(self, question, run_plan(self, model, question, units, self.plan(units), progress))

    def plan(self, units: Units, rng: np.random.Generator | None = None) -> BoolArray:
        """Everything, then everything but one unit each. Nothing is random: ``rng`` is not used."""
        count = len(units)
        return np.concatenate([np.ones((1, count), bool), ~np.eye(count, dtype=bool)])

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """The loss of each unit; see `ablation.Solver`. Rows that lack more than one are not used."""
        clean = values[np.flatnonzero(masks.all(axis=1))[0]]
        scores = np.zeros(visible.shape)
        for row in np.flatnonzero((~masks).sum(axis=1) == 1):
            unit = int(np.flatnonzero(~masks[row])[0])
            scores[unit] = visible[unit] * (clean - values[row])
        return scores
