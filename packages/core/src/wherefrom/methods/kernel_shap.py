"""KernelSHAP: Shapley values as one weighted least squares problem."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import PredictsSteps
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.methods.contract import method
from wherefrom.methods.perturbation.budgeted import BudgetedSampling
from wherefrom.methods.perturbation.coalitions import is_complete
from wherefrom.methods.perturbation.kernel import enough_of_kernel, kernel_masks, kernel_weights
from wherefrom.methods.perturbation.surrogates import constrained, distinct_columns
from wherefrom.methods.perturbation.units import Units
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.settings import counting

DEFAULT_SAMPLES = 256
"""Coalitions of one round."""


@method("kernel_shap", needs=(PredictsSteps,), signed=True, uses_target_function=True, differentiates=False)
@frozen(kw_only=True)
class KernelShap(BudgetedSampling):
    """Shapley values of the units, from a regression whose weights make it so.

    Scores sum to ``f(x) - f(x without all units)`` exactly, for every step. When ``2**players <= n_samples`` all
    coalitions are used and the scores are the exact Shapley values; otherwise coalitions come in pairs with their
    complements, drawn by the Shapley kernel. One set of coalitions serves all steps: a step sees only the units before
    it, and samples are weighted by the ratio of its own kernel to the distribution that the shared draw has for it.

    Good for: fair shares under redundancy. Fails when ``n_samples`` is not well above the number of units.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: at most
    ``n_samples`` forwards.

    Source:
        Lundberg & Lee (2017), theorem 2, https://arxiv.org/abs/1705.07874; paired sampling: Covert & Lee (2021),
        https://arxiv.org/abs/2012.01536.
    """

    n_samples: int | Literal["auto"] = field(
        default=DEFAULT_SAMPLES, converter=as_samples, validator=counting(4, auto=True)
    )
    """Coalitions, the full and the empty one included. ``"auto"`` adds some until the standard errors are within
    ``tolerance``."""

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """All coalitions if they are few enough; else the full one, the empty one, and pairs of complements."""
        return kernel_masks(len(units), DEFAULT_SAMPLES if self.n_samples == "auto" else self.n_samples, rng)

    def enough(self, units: int) -> int:
        """What determines the fit, and some pairs more; see `kernel.enough_of_kernel`."""
        return enough_of_kernel(units)

    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Pairs are the independent draws; nothing is random when all coalitions are there."""
        if is_complete(masks):
            return None
        return np.arange(2, len(masks)).reshape(-1, 2)

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """The fit for every output; see `ablation.Solver`. Masks must come from `plan`.

        Raises:
            InputError: The full or the empty coalition is not among the masks.
        """
        complete = is_complete(masks)
        scores = np.zeros(visible.shape)
        for seen, outputs in distinct_columns(visible):
            count = int(seen.sum())
            if not count:
                continue
            features = masks[:, seen].astype(np.float64)
            sizes = masks[:, seen].sum(axis=1)
            full, empty = np.flatnonzero(sizes == count), np.flatnonzero(sizes == 0)
            if not len(full) or not len(empty):
                raise InputError("kernel_shap needs the full and the empty coalition. Use the masks of its own plan.")
            wanted = values[:, outputs]
            weights = kernel_weights(masks, seen, complete=complete)
            fit = constrained(features, wanted - wanted[empty[0]], weights, wanted[full[0]] - wanted[empty[0]])
            scores[np.ix_(np.flatnonzero(seen), outputs)] = fit
        return scores
