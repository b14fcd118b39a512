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


def order_scores(order: IntArray) -> FloatArray:
    """Scores that put units into this order, the first highest."""
    scores = np.empty(len(order))
    scores[order] = np.arange(len(order), 0, -1)
    return scores


def without_ties(scores: FloatArray, seed: int) -> list[FloatArray]:
    """Scores in the same order of which no two are equal: the given ones where none are, else their ranks twice, with
    equal ones in an order drawn by chance and in its reverse.

    The mean over both is what all orders of equal scores have in the mean, but for the draw. What one order gains by
    it the reverse loses: the two curves of scores that are all alike have no area between them.

    Args:
        seed: Of the output (`Case.seed`); the order of equal scores is the same for all methods.

    Raises:
        InputError: A score is not a number.
    """
    _require_numbers(scores)
    if len(np.unique(scores)) == len(scores):
        return [scores]
    drawn = np.random.default_rng([seed, len(scores), 3]).permutation(len(scores))
    return [order_scores(np.lexsort((first, -scores))) for first in (drawn, -drawn)]


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


def first_ranks(wanted: BoolArray, scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """Ranks from 1 that the first wanted unit may have over the orders of equal scores, and how likely each is.

    Args:
        wanted: Shape ``(units,)``, at least one.

    Raises:
        InputError: A score is not a number.

    Example:
        >>> first_ranks(np.array([True, False, True]), np.array([1.0, 1.0, 0.0]))
        (array([1, 2]), array([0.5, 0.5]))
    """
    _require_numbers(scores)
    highest = scores[wanted].max()
    alike = scores == highest
    size, mine = int(alike.sum()), int((alike & wanted).sum())
    before = np.arange(size - mine + 1)  # how many others of them come before it
    still = np.cumprod(np.concatenate([[1.0], (size - mine - before[:-1]) / (size - before[:-1])]))
    return (scores > highest).sum() + before + 1, still * mine / (size - before)


def mean_precision(wanted: BoolArray, scores: FloatArray) -> float:
    """Share of wanted units among all down to one of them, in the mean over the wanted ones and over the orders of
    equal scores.

    Raises:
        InputError: A score is not a number.
    """
    _require_numbers(scores)
    total = 0.0
    for value in np.unique(scores[wanted])[::-1]:
        alike = scores == value
        size, mine = int(alike.sum()), int((alike & wanted).sum())
        above, found = int((scores > value).sum()), int((wanted & (scores > value)).sum())
        before = np.arange(size)
        wanted_before = before * (mine - 1) / max(size - 1, 1)  # in the mean, of those before a wanted one
        total += mine / size * float(((found + wanted_before + 1) / (above + before + 1)).sum())
    return total / float(wanted.sum())


def counts_on_top(wanted: BoolArray, scores: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """How many wanted units may be among the ``k`` highest over the orders of equal scores, and how likely each number
    is.

    Raises:
        InputError: A score is not a number.

    Example:
        >>> counts_on_top(np.array([True, False, True]), np.array([2.0, 1.0, 1.0]), 2)
        (array([1, 2]), array([0.5, 0.5]))
    """
    _require_numbers(scores)
    k = min(k, len(scores))
    border = np.sort(scores)[len(scores) - k]
    above, alike = scores > border, scores == border
    size, mine, chosen = int(alike.sum()), int((alike & wanted).sum()), k - int(above.sum())
    both = range(max(0, chosen - (size - mine)), min(mine, chosen) + 1)
    ways = [math.comb(mine, one) * math.comb(size - mine, chosen - one) / math.comb(size, chosen) for one in both]
    return np.array(both) + int((above & wanted).sum()), np.array(ways)


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
