"""Shapley values by sampling the orders in which units arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import PredictsSteps
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods._perturbation import SampledSettings, attribute_by_plan, planned_cost, random_of
from wherefrom.methods.contract import Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage


@method
@frozen(kw_only=True)
class ShapleyValueSampling(SampledSettings):
    """What each unit adds when it arrives, averaged over random orders of arrival.

    Unbiased for the Shapley values, and for any number of orders the scores sum to
    ``f(x) - f(x without all units)`` exactly. An order of all units is, for every step, an order of those it can see,
    so one set of passes serves all steps.

    Good for: many units, where a regression would need too many samples. Its error falls with the square root of the
    number of orders; ``n_bootstrap`` shows it.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: about
    ``n_samples * (units - 1)`` forwards.

    Source:
        Castro, Gomez & Tejada (2009), https://doi.org/10.1016/j.cor.2008.04.004; antithetic orders: Mitchell et al.
        (2022), https://arxiv.org/abs/2104.12199.
    """

    identifier: ClassVar[str] = "shapley_value_sampling"
    dimensions: ClassVar[tuple[str, ...]] = ()
    aggregation: ClassVar[tuple[Stage, ...]] = ()
    signed: ClassVar[bool] = True
    needs: ClassVar[tuple[type, ...]] = (PredictsSteps,)
    uses_target_function: ClassVar[bool] = True
    differentiates: ClassVar[bool] = False

    n_samples: int = field(default=24, validator=validators.ge(1))
    """Orders of arrival; rounded up to an even number when they are antithetic."""
    antithetic: bool = True
    """Is every order followed by its reverse? Cancels much of the variance."""

    def cost(self, question: Question) -> Cost:
        units = units_of(question, self.units)
        return planned_cost(question, units, self.plan(units, random_of(self.seed, question)))

    def attribute(self, model: Any, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        return attribute_by_plan(self, model, questions, progress)

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """The coalitions that grow along each order, from nobody to everybody: ``players + 1`` rows an order."""
        count = len(units)
        draws = -(-self.n_samples // 2) if self.antithetic else self.n_samples
        arrival = np.argsort(rng.random((draws, count)), axis=1)
        if self.antithetic:
            arrival = np.stack([arrival, count - 1 - arrival], axis=1).reshape(2 * draws, count)
        there = arrival[:, None, :] < np.arange(count + 1)[None, :, None]
        return there.reshape(len(arrival) * (count + 1), count)

    def blocks(self, masks: BoolArray) -> IntArray:
        """Orders are the independent draws, or pairs of antithetic ones."""
        rows = (masks.shape[1] + 1) * (2 if self.antithetic else 1)
        return np.arange(len(masks)).reshape(-1, rows)

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """Mean gain at arrival; see `ablation.Solver`. Masks must come from `plan`, in its order."""
        count = masks.shape[1]
        scores = np.zeros(visible.shape)
        if not count:
            return scores
        there = masks.reshape(-1, count + 1, count)
        arrived = (there[:, 1:] & ~there[:, :-1]).argmax(axis=2)
        gains = np.diff(values.reshape(len(there), count + 1, -1), axis=1)
        np.add.at(scores, arrived.ravel(), gains.reshape(-1, gains.shape[2]))
        return visible * scores / len(there)
