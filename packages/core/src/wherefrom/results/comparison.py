"""How far two attributions of one text agree.

Measures of agreement after Krishna et al. (2022), "The Disagreement Problem in Explainable Machine Learning",
https://arxiv.org/abs/2202.01602, section 3; each per step, over the inputs that the step could see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.errors import InputError
from wherefrom.results.aggregators.pair import Pair
from wherefrom.results.contributors import joint
from wherefrom.text.correspondence import align

if TYPE_CHECKING:
    from wherefrom.results.attribution import Attribution

    Values = npt.NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class CommonUnits:
    """Two attributions on the units of both."""

    first: Any
    """The one `Attribution`, with its own scores."""
    second: Any
    """The other, on the same tokens."""
    both: npt.NDArray[np.bool_]
    """Which cells both have: inputs that the step could see, that stand in both texts, of a step that both explain.
    Shape ``(inputs, steps)``, source inputs before target inputs."""


@frozen(kw_only=True, eq=False)
class Comparison:
    """Two attributions side by side. Every array has one entry per common step; NaN where a measure is undefined."""

    difference: Any
    """The first `Attribution` minus the second, on the units that both have in common."""
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


def compare(one: Attribution, other: Attribution, *, k: int = 5) -> Comparison:
    """Compare two attributions, aggregated if they are not, on their common units (see `wherefrom.aggregators.Pair`).

    Inputs and steps that only one of the two has are left out of every measure.

    Args:
        k: How many inputs count as the top of a step; fewer if a step has fewer.

    Raises:
        InputError: ``k`` is not positive, the two have no token in common, or cannot be aligned.
    """
    if k < 1:
        raise InputError(f"k = {k}: compare at least the one largest input.")
    found = on_common_units(one, other)
    difference = Pair(paired_attr=other.aggregate())(one.aggregate())
    (first, _, _), (second, _, _) = joint(found.first), joint(found.second)
    measures = [
        _measures(first[found.both[:, column], column], second[found.both[:, column], column], k)
        for column in range(first.shape[1])
    ]
    columns = {name: np.array([one[name] for one in measures]) for name in measures[0]}
    return Comparison(difference=difference, k=k, **columns)


def on_common_units(one: Attribution, other: Attribution) -> CommonUnits:
    """Set two attributions on the tokens they have in common, aggregated if they are not.

    Where boundaries disagree, the tokens between two common ones are one unit; what only one has is a unit too, which
    `CommonUnits.both` leaves out.

    Raises:
        InputError: The two have no token in common, or cannot be aligned.
    """
    one, other = one.aggregate(), other.aggregate()
    _check_like(one, other)
    first, second = (
        Pair(paired_attr=other, combine=which)(one).replace(signed=own.signed, id=own.id, method=own.method)
        for which, own in (("first", one), ("second", other))
    )
    _, visible, places = joint(first)
    both = in_both(one, other, first.attr_pos_start, first.attr_pos_end, [side for side, _ in places])
    return CommonUnits(first=first, second=second, both=visible & both)


def in_both(one: Attribution, other: Attribution, first: int, last: int, sides: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which cells of two attributions on common units stand in both texts.

    Args:
        one: An attribution as it came.
        other: The other.
        first: First explained unit of the target.
        last: The unit after the last explained one.
        sides: Of each input, ``"source"`` or ``"target"``.

    Returns:
        Shape ``(len(sides), last - first)``.
    """
    kept = {
        "source": [b > a and d > c for (a, b), (c, d) in align(one.source, other.source)],
        "target": [b > a and d > c for (a, b), (c, d) in align(one.target, other.target)],
    }
    rows = np.array([found for side in ("source", "target") if side in sides for found in kept[side]], dtype=bool)
    steps = np.array(kept["target"][first:last], dtype=bool)
    return np.asarray(np.logical_and.outer(rows, steps), dtype=bool)


def rank_correlation(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], both: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation of each column over the cells that count; NaN where a ranking is constant.

    Args:
        a: Shape ``(inputs, steps)``.
        b: Same shape.
        both: Which cells count. Same shape.

    Returns:
        Shape ``(steps,)``.
    """
    return np.array(
        [
            _correlation(ranks(a[both[:, column], column]), ranks(b[both[:, column], column]))
            for column in range(a.shape[1])
        ]
    )


def _check_like(one: Attribution, other: Attribution) -> None:
    """Raises: InputError: No token of the one is a token of the other."""
    words = [
        {token.text.strip() for token in (*side.source, *side.steps) if token.text.strip() and not token.special}
        for side in (one, other)
    ]
    joined = [
        "".join("".join(token.text.split()) for token in side.target if not token.special) for side in (one, other)
    ]
    if joined[0] != joined[1] and not words[0] & words[1]:
        raise InputError(
            "The two attributions explain no token in common, so they cannot be compared. "
            "Compare results of the same text."
        )


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
