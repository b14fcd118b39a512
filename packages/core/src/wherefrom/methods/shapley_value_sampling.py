"""Shapley values by sampling the orders in which units arrive."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import PredictsSteps
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods.contract import method
from wherefrom.methods.exact_shapley import exact_values
from wherefrom.methods.perturbation.budgeted import BudgetedSampling
from wherefrom.methods.perturbation.coalitions import all_coalitions, is_complete
from wherefrom.methods.perturbation.units import Units
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.settings import counting

DEFAULT_ORDERS = 24
"""Orders of one round."""


@method("shapley_value_sampling", needs=(PredictsSteps,), signed=True, uses_target_function=True, differentiates=False)
@frozen(kw_only=True)
class ShapleyValueSampling(BudgetedSampling):
    """What each unit adds when it arrives, averaged over random orders of arrival.

    Unbiased for the Shapley values, and exact where all coalitions are no more than the orders would need. Scores
    always sum to ``f(x) - f(x without all units)``. An order of all units is, for every step, an order of those it can
    see, so one set of passes serves all steps.

    Good for: many units, where a regression would need too many samples. Its error falls with the square root of the
    number of orders; ``n_bootstrap`` shows it.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: about
    ``n_samples * (units - 1)`` forwards.

    Source:
        Castro, Gomez & Tejada (2009), https://doi.org/10.1016/j.cor.2008.04.004; antithetic orders: Mitchell et al.
        (2022), https://arxiv.org/abs/2104.12199.
    """

    n_samples: int | Literal["auto"] = field(default=24, converter=as_samples, validator=counting(1, auto=True))
    """Orders of arrival; rounded up to an even number when they are antithetic. ``"auto"`` adds orders until the
    standard errors are within ``tolerance``."""
    antithetic: bool = True
    """Is every order followed by its reverse? Cancels much of the variance."""

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """The coalitions that grow along each order, from nobody to everybody: ``players + 1`` rows an order; all
        coalitions where they are no more.

        Orders come as Latin squares, so that every unit arrives at every place equally often. Their places are
        shuffled: in mere rotations of one order a unit would meet the same units before it again and again.
        """
        count = len(units)
        orders = DEFAULT_ORDERS if self.n_samples == "auto" else self.n_samples
        draws = -(-orders // 2) if self.antithetic else orders
        if count < 2 or 2.0**count <= (2 * draws if self.antithetic else draws) * (count - 1) + 2:
            return all_coalitions(count)
        rotations = min(draws, count)
        bases, places = np.argsort(rng.random((2, -(-draws // rotations), count)), axis=-1)
        shifts = np.arange(rotations) * count // rotations
        turned = (bases[:, None, :] + shifts[None, :, None]) % count
        arrival = np.concatenate([place[some] for place, some in zip(places, turned, strict=True)])[:draws]
        if self.antithetic:
            arrival = np.stack([arrival, count - 1 - arrival], axis=1).reshape(2 * draws, count)
        there = arrival[:, None, :] < np.arange(count + 1)[None, :, None]
        return there.reshape(len(arrival) * (count + 1), count)

    def enough(self, units: int) -> int:
        """Two draws, whatever the number of units: the mean is unbiased, and its error is seen from two."""
        return 4 if self.antithetic else 2

    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Orders count as the independent draws, or pairs of antithetic ones, so that errors are on the safe side
        (those of a Latin square together vary less than that); None where all coalitions are there."""
        if is_complete(masks):
            return None
        rows = (masks.shape[1] + 1) * (2 if self.antithetic else 1)
        return np.arange(len(masks)).reshape(-1, rows)

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """Mean gain at arrival; see `ablation.Solver`. Masks must come from `plan`, in its order."""
        count = masks.shape[1]
        if is_complete(masks):
            return exact_values(masks, values, visible)
        scores = np.zeros(visible.shape)
        there = masks.reshape(-1, count + 1, count)
        arrived = (there[:, 1:] & ~there[:, :-1]).argmax(axis=2)
        gains = np.diff(values.reshape(len(there), count + 1, -1), axis=1)
        np.add.at(scores, arrived.ravel(), gains.reshape(-1, gains.shape[2]))
        return visible * scores / len(there)
