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
    if np.isnan(scores).any():
        raise InputError("Some scores are not numbers, so they cannot be ranked.")
    return np.argsort(-scores, kind="stable")


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
