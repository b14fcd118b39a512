"""Pairs of units: least squares of second order over what coalitions are worth.

The fit is ``f(v) ≈ c0 + Σ c_i v_i + Σ c_ij v_i v_j`` with ``v`` 1 for the units that stay. ``c_ij`` is the interaction
of a pair: what both together are worth beyond what each is. Over half-random coalitions it is the faithful Banzhaf
index of order 2, over the Shapley kernel with the empty and the full coalition met exactly the faithful Shapley index.

Source:
    Tsai, Yeh & Ravikumar (2023), Faith-Shap, https://arxiv.org/abs/2203.00870.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import frozen

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.methods.perturbation.coalitions import is_complete
from wherefrom.methods.perturbation.kernel import kernel_weights
from wherefrom.methods.perturbation.surrogates import constrained, distinct_columns, ridge
from wherefrom.methods.perturbation.units import Units

Index = Literal["fbii", "fsii"]


@frozen(eq=False)
class PairFit:
    """A solver of the ablation table whose answers are units, then pairs of them.

    An `ablation.Solver` whose rows are ``units + pairs``.
    """

    index: Index
    pairs: IntArray
    """Which pairs are fitted, as indices of units; shape ``(pairs, 2)``, none for a fit of first order."""

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """Coefficients ``c_i`` of all units, then ``c_ij`` of the pairs. Shape ``(units + pairs, outputs)``.

        0 where an output sees not all of them.

        Raises:
            InputError: The faithful Shapley index needs the full and the empty coalition, and one is missing.
        """
        count = visible.shape[0]
        found = np.zeros((count + len(self.pairs), visible.shape[1]))
        for seen, outputs in distinct_columns(visible):
            if not seen.any():
                continue
            own = np.flatnonzero(seen)
            fitted = np.flatnonzero(seen[self.pairs].all(axis=1)) if len(self.pairs) else np.zeros(0, np.int64)
            first, second = self.pairs[fitted].T if len(fitted) else (fitted, fitted)
            features = np.concatenate([masks[:, own], masks[:, first] & masks[:, second]], axis=1).astype(np.float64)
            wanted = values[:, outputs]
            if self.index == "fbii":
                solved = ridge(features, wanted, np.ones(len(masks)), 0.0)
            else:
                solved = _between_ends(features, wanted, masks, seen)
            found[np.ix_(np.concatenate([own, count + fitted]), outputs)] = solved
        return found


def _between_ends(features: FloatArray, wanted: FloatArray, masks: BoolArray, seen: BoolArray) -> FloatArray:
    """The fit by the Shapley kernel that meets the empty and the full coalition."""
    sizes = masks[:, seen].sum(axis=1)
    full, empty = np.flatnonzero(sizes == seen.sum()), np.flatnonzero(sizes == 0)
    if not len(full) or not len(empty):
        raise InputError("The faithful Shapley index needs the full and the empty coalition among the masks.")
    none = wanted[empty[0]]
    weights = kernel_weights(masks, seen, complete=is_complete(masks))
    return constrained(features, wanted - none, weights, wanted[full[0]] - none)


def shares_of(solved: FloatArray, pairs: IntArray) -> FloatArray:
    """What each unit has: its own coefficient and half of each of its pairs'. Shape ``(units, outputs)``.

    Their sum is what the fit makes of all units over none.
    """
    shares = solved[: len(solved) - len(pairs)].copy()
    halves = solved[len(shares) :] / 2
    for side in range(2):
        np.add.at(shares, pairs[:, side], halves)
    return shares


def pairs_among(chosen: IntArray) -> IntArray:
    """All pairs of some units, in order. Shape ``(pairs, 2)``."""
    first, second = np.triu_indices(len(chosen), 1)
    ordered = np.sort(chosen)
    return np.stack([ordered[first], ordered[second]], axis=1).astype(np.int64)


def strongest(scores: FloatArray, count: int) -> IntArray:
    """Indices of the units that score most, by the output that makes most of them. Shape ``(count or fewer,)``."""
    sizes = np.abs(scores)
    shares = sizes / np.maximum(sizes.max(axis=0, keepdims=True), np.finfo(np.float64).tiny)
    order = np.argsort(-shares.max(axis=1), kind="stable")
    return np.sort(order[:count])
