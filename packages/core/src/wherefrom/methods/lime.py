"""LIME: coefficients of a local linear model of the target function over masked inputs."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import PredictsSteps
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods.contract import method
from wherefrom.methods.perturbation.budgeted import BudgetedSampling
from wherefrom.methods.perturbation.coalitions import all_coalitions, is_complete
from wherefrom.methods.perturbation.surrogates import distinct_columns, drawing_weights, lasso, ridge
from wherefrom.methods.perturbation.units import Units
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.settings import counting

DEFAULT_SAMPLES = 50
"""Coalitions of one round."""


@method("lime", needs=(PredictsSteps,), signed=True, uses_target_function=True, differentiates=False)
@frozen(kw_only=True)
class Lime(BudgetedSampling):
    """Coefficients of a weighted linear fit to the target function over inputs with random units removed.

    Each of the samples keeps every unit with probability ``1 - mask_prob``; samples nearer to the input count more, by
    ``exp(-(d / kernel_width)**2)`` with ``d`` the cosine distance between the sample's mask and the full one,
    ``1 - sqrt(kept / all)``. One set of samples serves all steps; each step's fit sees only the units before it.

    Good for: a cheap sketch with all interactions averaged in. Fails quietly when there are more units than samples:
    then the penalty decides; raise ``n_samples`` or use larger ``units``, and look at ``n_bootstrap`` intervals.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: ``n_samples``
    forwards, the clean one among them.

    Source:
        Ribeiro, Singh & Guestrin (2016), https://arxiv.org/abs/1602.04938.
    """

    n_samples: int | Literal["auto"] = field(
        default=DEFAULT_SAMPLES, converter=as_samples, validator=counting(2, auto=True)
    )
    """Coalitions, the full one included. ``"auto"`` adds some until the standard errors are within ``tolerance``."""
    mask_prob: float = field(default=0.3, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability that a unit is removed from a sample."""
    kernel_width: float = field(default=0.25, validator=validators.gt(0.0))
    """Cosine distance at which a sample counts 1/e."""
    surrogate: Literal["ridge", "lasso"] = field(default="ridge", validator=validators.in_(("ridge", "lasso")))
    """The linear model."""
    alpha: float = field(default=0.01, validator=validators.ge(0.0))
    """Strength of its penalty. Ridge: per unit of total weight. Lasso: as a fraction of the range of the values."""

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """The full input, then random coalitions, shape ``(n_samples, units)``; all coalitions where they are no
        more."""
        samples = DEFAULT_SAMPLES if self.n_samples == "auto" else self.n_samples
        if 2.0 ** len(units) <= samples:
            return all_coalitions(len(units))
        masks = rng.random((samples, len(units))) >= self.mask_prob
        masks[0] = True
        return masks

    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Every sample but the full input is a draw of its own; None where all coalitions are there."""
        return None if is_complete(masks) else np.arange(1, len(masks))[:, None]

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """The fit, once per set of units that outputs can see; see `ablation.Solver`."""
        scores = np.zeros(visible.shape)
        often = drawing_weights(masks, 1.0 - self.mask_prob)
        for seen, outputs in distinct_columns(visible):
            if not seen.any():
                continue
            features = masks[:, seen].astype(np.float64)
            weights = often * np.exp(-(((1.0 - np.sqrt(features.mean(axis=1))) / self.kernel_width) ** 2))
            wanted = values[:, outputs]
            if self.surrogate == "ridge":
                fit = ridge(features, wanted, weights, self.alpha)
            else:
                fit = lasso(features, wanted, weights, self.alpha * np.ptp(wanted, axis=0))
            scores[np.ix_(np.flatnonzero(seen), outputs)] = fit
        return scores
