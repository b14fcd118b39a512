"""How far two attributions of one text agree.

Measures of agreement after Krishna et al. (2022), "The Disagreement Problem in Explainable Machine Learning",
https://arxiv.org/abs/2202.01602, section 3; each per step, over the inputs that the step could see.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.errors import InputError
from wherefrom.results.aggregation import aggregated
from wherefrom.results.aggregators.pair import Pair
from wherefrom.results.contributors import joint
from wherefrom.results.data import AttributionData

Values = npt.NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Comparison:
    """Two attributions side by side. Every array has one entry per common step; NaN where a measure is undefined."""

    difference: Any
    """The first `Attribution` minus the second."""
    spearman: npt.NDArray[np.float64]
    """Correlation of the ranks of scores, from -1 to 1."""
    kendall: npt.NDArray[np.float64]
    """Pairs of inputs in the same order minus pairs in opposite order, over all pairs, ties discounted (tau-b)."""
    top_k_overlap: npt.NDArray[np.float64]
    """Share of the ``k`` largest by absolute value that both have (feature agreement)."""
    rank_agreement: npt.NDArray[np.float64]
    """Share of the ``k`` largest that are the same input at the same rank."""
    sign_agreement: npt.NDArray[np.float64]
    """Share of the ``k`` largest that both have, with the same sign."""
    signed_rank_agreement: npt.NDArray[np.float64]
    """Share of the ``k`` largest that are the same input at the same rank with the same sign."""
    cosine: npt.NDArray[np.float64]
    """Cosine of the angle between the two columns of scores."""
    k: int

    def means(self) -> dict[str, float]:
        """Every measure, averaged over the steps where it is defined."""
        measures = (
            "spearman",
            "kendall",
            "top_k_overlap",
            "rank_agreement",
            "sign_agreement",
            "signed_rank_agreement",
            "cosine",
        )
        values = {name: getattr(self, name) for name in measures}
        return {
            name: float(np.nanmean(value)) if np.isfinite(value).any() else float("nan")
            for name, value in values.items()
        }


def compare(one: AttributionData, other: AttributionData, *, k: int = 5) -> Comparison:
    """Compare two attributions, aggregated if they are not, on their common units (see `wherefrom.aggregators.Pair`).

    Args:
        k: How many inputs count as the top of a step; fewer if a step has fewer.

    Raises:
        InputError: ``k`` is not positive, or the two cannot be aligned.
    """
    if k < 1:
        raise InputError(f"k = {k}: compare at least the one largest input.")
    one, other = aggregated(one), aggregated(other)
    difference = Pair(paired_attr=other)(one)
    first, visible, _ = joint(Pair(paired_attr=other, combine="first")(one))
    second, _, _ = joint(Pair(paired_attr=other, combine="second")(one))
    measures = [
        _measures(first[visible[:, column], column], second[visible[:, column], column], k)
        for column in range(first.shape[1])
    ]
    columns = {name: np.array([one[name] for one in measures]) for name in measures[0]}
    return Comparison(difference=difference, k=k, **columns)


def _measures(a: Values, b: Values, k: int) -> dict[str, float]:
    size = min(k, len(a))
    top = [np.argsort(-np.abs(values), kind="stable")[:size] for values in (a, b)]
    common = np.intersect1d(top[0], top[1])
    same_place = top[0] == top[1]
    same_sign = np.sign(a) == np.sign(b)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    none = float("nan")
    return {
        "spearman": _correlation(ranks(a), ranks(b)),
        "kendall": kendall_tau(a, b),
        "top_k_overlap": len(common) / size if size else none,
        "rank_agreement": float(same_place.mean()) if size else none,
        "sign_agreement": float(same_sign[common].sum() / size) if size else none,
        "signed_rank_agreement": float((same_place & same_sign[top[0]]).mean()) if size else none,
        "cosine": float(a @ b) / length if length else none,
    }


def ranks(values: Values) -> Values:
    """Rank of each value from 0, equal values sharing their mean rank."""
    order = np.argsort(values, kind="stable")
    positions = np.empty(len(values))
    positions[order] = np.arange(len(values))
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: Values = (np.bincount(inverse, weights=positions) / counts)[inverse]
    return shared


def kendall_tau(a: Values, b: Values) -> float:
    """Kendall's tau-b; NaN where one side is constant."""
    upper = np.triu_indices(len(a), 1)
    x = np.sign(a[:, None] - a[None, :])[upper]
    y = np.sign(b[:, None] - b[None, :])[upper]
    scale = float(np.sqrt(np.count_nonzero(x)) * np.sqrt(np.count_nonzero(y)))
    return float((x * y).sum()) / scale if scale else float("nan")


def _correlation(a: Values, b: Values) -> float:
    if len(a) < 2:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else float("nan")
