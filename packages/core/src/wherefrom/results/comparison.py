"""How far two attributions of one text agree.

Measures of agreement after Krishna et al. (2022), "The Disagreement Problem in Explainable Machine Learning",
https://arxiv.org/abs/2202.01602, section 3; each per step, over the inputs that the step could see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.arrays import FloatArray
from wherefrom.results.aggregation import aggregated
from wherefrom.results.aggregators.pair import Pair
from wherefrom.results.alignment import aligned_sides, steps_among
from wherefrom.results.contributors import joint
from wherefrom.results.data import AttributionData
from wherefrom.results.given import require_result
from wherefrom.settings import check_call
from wherefrom.text.common_units import Aligned, saying_the_same
from wherefrom.text.merging import Span

Values: TypeAlias = npt.NDArray[np.float64]


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
    """Share of the ``k`` largest by absolute value that both have (feature agreement).

    In this and the next three, zeros are none of the largest: of scores fewer than ``k`` of which are nonzero, as many
    count as the side with more of them has, and NaN where a side has none. Inputs that tie share their ranks.
    """
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
    """Compare two attributions, aggregated if they are not.

    Measures are taken over the inputs and steps that both texts have, cut as `wherefrom.text.common_units` says, scores
    of tokens that become one unit added up; scores that are not finite take no part. The difference also has what only
    one text has (see `wherefrom.aggregators.Pair`).

    Args:
        k: How many inputs count as the top of a step; fewer if a step has fewer.

    Raises:
        UsageError: ``k`` is no positive number, one is no attribution, or the two cannot be aligned.
    """
    check_call(compare, locals(), k=1)
    for side in (one, other):
        require_result(side)
    one, other = aggregated(one), aggregated(other)
    aligned = aligned_sides(one, other)
    difference = Pair(paired_attr=other).combined(one, aligned)
    common = {side: saying_the_same(getattr(one, side), getattr(other, side), aligned[side]) for side in aligned}
    explained = [(half.attr_pos_start, half.attr_pos_end) for half in (one, other)]
    rows, columns = _common_rows(one, other, common), steps_among(common["target"], explained)
    first, seen = _regrouped(one, [mine for mine, _ in rows], [mine for mine, _ in columns])
    second, seen_too = _regrouped(other, [its for _, its in rows], [its for _, its in columns])
    both = ranked_cells(first, second, seen & seen_too)
    measures = [
        agreement_of(first[both[:, column], column], second[both[:, column], column], k)
        for column in range(len(columns))
    ]
    names = [field.name for field in attrs.fields(Comparison) if field.name not in ("difference", "k")]
    return Comparison(
        difference=difference, k=k, **{name: np.array([one[name] for one in measures], np.float64) for name in names}
    )


def spearman_by_step(a: Values, b: Values, both: npt.NDArray[np.bool_]) -> Values:
    """Spearman's rank correlation of each column, over the rows that have a rank; NaN where a ranking is constant.

    Args:
        a: Scores, shape ``(inputs, steps)``.
        b: Others of the same inputs and steps.
        both: Which cells exist on both sides, same shape.

    Returns:
        Shape ``(steps,)``.
    """
    ranked = ranked_cells(a, b, both)
    steps = range(a.shape[1])
    return np.array([spearman(a[ranked[:, step], step], b[ranked[:, step], step]) for step in steps], dtype=np.float64)


def ranked_cells(a: Values, b: Values, both: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Of the cells that exist on both sides those that take a rank: whose scores are finite. Same shape."""
    return both & np.isfinite(a) & np.isfinite(b)


def merged_cells(
    scores: Values, visible: npt.NDArray[np.bool_], rows: Sequence[Span], columns: Sequence[Span]
) -> tuple[Values, npt.NDArray[np.bool_]]:
    """Scores added up, and visibility united, over spans of rows and of columns. Shapes ``(rows, columns)``."""
    for axis, spans in enumerate((rows, columns)):
        shape = tuple(len(spans) if place == axis else size for place, size in enumerate(scores.shape))
        total, seen = np.zeros(shape), np.zeros(shape, dtype=bool)
        for index, (start, end) in enumerate(spans):
            here = (index,) if axis == 0 else (slice(None), index)
            part = range(start, end)
            total[here] = scores.take(part, axis=axis).sum(axis=axis)
            seen[here] = visible.take(part, axis=axis).any(axis=axis)
        scores, visible = total, seen
    return scores, visible


def _common_rows(
    one: AttributionData, other: AttributionData, common: Mapping[str, Sequence[Aligned]]
) -> list[Aligned]:
    """The inputs that both have, of the sides that both score, as spans of rows of `joint`."""
    rows: list[Aligned] = []
    start = begin = 0
    for side in one.scored_sides:
        rows += [((start + a, start + b), (begin + c, begin + d)) for (a, b), (c, d) in common[side]]
        start, begin = start + len(getattr(one, side)), begin + len(getattr(other, side))
    return rows


def _regrouped(
    attribution: AttributionData, rows: Sequence[Span], columns: Sequence[Span]
) -> tuple[Values, npt.NDArray[np.bool_]]:
    scores, visible, _ = joint(attribution)
    return merged_cells(np.where(visible, scores, 0.0), visible, rows, columns)


def agreement_of(a: Values, b: Values, k: int) -> dict[str, float]:
    """Every measure of `Comparison` for two rows of scores of the same inputs, shape ``(inputs,)``; NaN where one is
    undefined."""
    first, second = largest_of_both(np.abs(a), np.abs(b), k)
    size = len(first)
    top, other_top = first.sum(axis=0), second.sum(axis=0)
    same_sign = np.sign(a) == np.sign(b)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    none = float("nan")
    return {
        "spearman": spearman(a, b),
        "kendall": kendall_tau(a, b),
        "top_k_overlap": in_common(top, other_top) / size if size else none,
        "rank_agreement": in_common(first, second) / size if size else none,
        "sign_agreement": in_common(top, other_top, where=same_sign) / size if size else none,
        "signed_rank_agreement": in_common(first, second, where=same_sign) / size if size else none,
        "cosine": float(a @ b) / length if length else none,
    }


def largest_of_both(a: Values, b: Values, k: int) -> tuple[Values, Values]:
    """`places_on_top` of both, shapes ``(ranks, inputs)``: of as many of the ``k`` first ranks as the side with more
    nonzero values fills, since zeros are none of the largest; of none where a side has only zeros."""
    said = [int(np.count_nonzero(values)) for values in (a, b)]
    size = min(k, max(said)) if min(said) else 0
    first, second = (places_on_top(values, size, among=values != 0) for values in (a, b))
    return first, second


def places_on_top(values: Values, k: int, *, among: npt.NDArray[np.bool_]) -> Values:
    """How often each input stands at each of the first ``k`` ranks, highest first, over the orders of equal values.

    Args:
        values: Shape ``(inputs,)``.
        among: Which of them are ranked, same shape.

    Returns:
        Shape ``(k, inputs)``; each rank sums to 1, or to 0 where fewer inputs are ranked.
    """
    shares = np.zeros((k, len(values)))
    for rank, value in enumerate(np.sort(values[among])[::-1][:k]):
        alike = among & (values == value)
        shares[rank] = alike / alike.sum()
    return shares


def in_common(one: Values, other: Values, where: npt.NDArray[np.bool_] | bool = True) -> float:
    """What two shares have in common: the sum of the smaller ones. So equal values agree with themselves."""
    return float(np.where(where, np.minimum(one, other), 0.0).sum())


ROUNDING = 1e-12
"""Part of the sum of sizes by which a sum of scores may be off."""


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank; NaN where one side is constant."""
    if len(a) < 2:
        return float("nan")
    from scipy.stats import rankdata  # slow to import, and not needed to start up

    x, y = (rankdata(values) - (len(values) + 1) / 2 for values in (a, b))
    scale = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / scale if scale else float("nan")


def spearman_of_columns(columns: Values, values: Values) -> Values:
    """Spearman's rank correlation of each column ``(rows, columns)`` with ``values`` ``(rows,)``; NaN where one side is
    constant. Shape ``(columns,)``."""
    from scipy.stats import rankdata

    middle = (len(values) + 1) / 2
    x, y = rankdata(columns, axis=0) - middle, rankdata(values) - middle
    scale = np.linalg.norm(x, axis=0) * np.linalg.norm(y)
    found: Values = np.divide(y @ x, scale, out=np.full(columns.shape[1], np.nan), where=scale > 0)
    return found


def in_levels(values: Values, slack: float) -> Values:
    """The order of each column's values as whole numbers, those alike that stand no further apart than ``slack``.

    Sums of the same scores, added up in another order, differ by rounding: ranks of them would tell apart what is
    equal.

    Args:
        values: Shape ``(rows,)`` or ``(rows, columns)``; NaN stays.
    """
    order = np.argsort(values, axis=0)
    steps = np.diff(np.take_along_axis(values, order, axis=0), axis=0, prepend=np.nan)
    levels = np.empty(values.shape)
    np.put_along_axis(levels, order, np.cumsum(steps > slack, axis=0).astype(np.float64), axis=0)
    levels[np.isnan(values)] = np.nan
    return levels


def kendall_tau(a: FloatArray, b: FloatArray) -> float:
    """Kendall's tau-b; NaN where one side is constant."""
    if len(a) < 2:
        return float("nan")
    from scipy.stats import kendalltau

    answer: Any = kendalltau(a, b)
    return float(answer.statistic)
