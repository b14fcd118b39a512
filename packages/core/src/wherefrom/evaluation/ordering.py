"""From scores to orders, and from orders to masks."""

from __future__ import annotations

import math

import numpy as np

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError


def most_first(scores: FloatArray) -> IntArray:
    """Units by descending score; equal scores keep their order in the text.

    Raises:
        InputError: A score is not a number.
    """
    _require_numbers(scores)
    return np.argsort(-scores, kind="stable")


def _require_numbers(scores: FloatArray) -> None:
    if np.isnan(scores).any():
        raise InputError("Some scores are not numbers, so they cannot be ranked.")


def ranks_of(wanted: BoolArray, scores: FloatArray) -> FloatArray:
    """Rank of each wanted unit from 1, ascending, in the mean over the orders of equal scores.

    One of two equal scores has half a rank more than the first of them; scores that are all alike have the ranks of a
    random order.

    Args:
        wanted: Shape ``(units,)``; wanted units of equal scores stand in any order among themselves.

    Raises:
        InputError: A score is not a number.

    Example:
        >>> ranks_of(np.array([True, False, True]), np.array([1.0, 1.0, 0.0]))
        array([1.5, 3. ])
    """
    _require_numbers(scores)
    ranks = []
    for value in np.unique(scores[wanted])[::-1]:
        alike = scores == value
        mine = int((alike & wanted).sum())
        ranks.append((scores > value).sum() + np.arange(1, mine + 1) * (alike.sum() + 1) / (mine + 1))
    return np.concatenate([np.zeros(0), *ranks])


def shares_on_top(scores: FloatArray, k: int) -> FloatArray:
    """How often each unit is among the ``k`` highest, over the orders of equal scores: 0, 1, or between where the
    ``k``-th score is that of several. Shape ``(units,)``; the sum is ``k``, or all units where there are fewer.

    Raises:
        InputError: A score is not a number.

    Example:
        >>> shares_on_top(np.array([3.0, 1.0, 1.0, 0.0]), 2)
        array([1. , 0.5, 0.5, 0. ])
    """
    _require_numbers(scores)
    k = min(k, len(scores))
    border = np.sort(scores)[len(scores) - k]
    shares: FloatArray = np.where(scores > border, 1.0, 0.0)
    alike = scores == border
    shares[alike] = (k - shares.sum()) / alike.sum()
    return shares


def cut_points(count: int, cuts: int | None) -> IntArray:
    """How many units are removed at each point of a curve, from 0 to all of them, evenly.

    Args:
        cuts: Points after the first; None: one per unit.
    """
    if cuts is None or cuts >= count:
        return np.arange(count + 1)
    return np.unique(np.round(np.linspace(0, count, cuts + 1)).astype(np.int64))


def removed_in_order(order: IntArray, cuts: IntArray) -> BoolArray:
    """Masks with the first k units of an order removed, k from ``cuts``. Shape ``(cuts, units)``, true: stays."""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places[None, :] >= cuts[:, None]


def curve_masks(scores: FloatArray, cuts: int | None) -> tuple[BoolArray, BoolArray]:
    """Masks of the curve with the most relevant removed first, and with the least relevant first."""
    order, points = most_first(scores), cut_points(len(scores), cuts)
    return removed_in_order(order, points), removed_in_order(order[::-1], points)


def top_share(scores: FloatArray, share: float) -> BoolArray:
    """The highest ``share`` of the units, at least one; rounded up."""
    return top(scores, max(1, math.ceil(share * len(scores) - 1e-9)))


def top(scores: FloatArray, k: int) -> BoolArray:
    """The ``k`` highest units, or all where there are fewer. Shape ``(units,)``."""
    chosen = np.zeros(len(scores), bool)
    chosen[most_first(scores)[:k]] = True
    return chosen


def random_masks(count: int, rows: int, seed: int) -> BoolArray:
    """Each unit stays with probability 1/2. Shape ``(rows, count)``."""
    return np.random.default_rng([seed, count, rows]).random((rows, count)) < 0.5
