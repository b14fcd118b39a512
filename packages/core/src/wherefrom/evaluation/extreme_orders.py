"""The best and the worst order there is, by what perturbation curves measure.

A curve runs along a chain of ever larger removed sets, and what it collects depends on the sets alone. So the best of
all ``d!`` orders is the best path through the ``2^d`` sets: exact by dynamic programming for few units, by a beam for
more.
"""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import IntArray
from wherefrom.evaluation.contract import Worth
from wherefrom.methods.perturbation.coalitions import all_coalitions

EXACT_UNITS = 10
"""With more units the orders are searched, not enumerated."""
BEAM = 5


def extreme_order(count: int, worth: Worth, *, lowest: bool) -> IntArray:
    """The order of removal whose curve is lowest (steepest), or highest.

    Args:
        lowest: The order after which least is left; False: most.

    Returns:
        Units, first removed first. Exact up to `EXACT_UNITS` units, the result of a beam search of width 5 beyond.
    """
    if count <= EXACT_UNITS:
        return _exact(count, worth, lowest=lowest)
    return _beam(count, worth, lowest=lowest)


def _exact(count: int, worth: Worth, *, lowest: bool) -> IntArray:
    masks = all_coalitions(count)[::-1]  # row i by the bits of i
    values = worth(masks) * (1.0 if lowest else -1.0)
    sizes = masks.sum(axis=1)
    best = np.full(2**count, np.inf)
    last = np.full(2**count, -1)
    best[-1] = values[-1]
    for size in range(count - 1, -1, -1):
        for state in np.flatnonzero(sizes == size).tolist():
            before = [state | (1 << unit) for unit in range(count) if not state >> unit & 1]
            units = [unit for unit in range(count) if not state >> unit & 1]
            chosen = int(np.argmin(best[before]))
            best[state] = best[before[chosen]] + values[state]
            last[state] = units[chosen]
    order, state = [], 0
    while state != 2**count - 1:
        order.append(int(last[state]))
        state |= 1 << int(last[state])
    return np.array(order[::-1], dtype=np.int64)


def _beam(count: int, worth: Worth, *, lowest: bool) -> IntArray:
    sign = 1.0 if lowest else -1.0
    beams: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(count):
        grown = [(total, [*order, unit]) for total, order in beams for unit in range(count) if unit not in order]
        distinct: dict[frozenset[int], tuple[float, list[int]]] = {}
        for total, order in grown:
            key = frozenset(order)
            if key not in distinct or total < distinct[key][0]:
                distinct[key] = (total, order)
        kept = list(distinct.values())
        masks = np.ones((len(kept), count), bool)
        for row, (_, order) in enumerate(kept):
            masks[row, order] = False
        values = sign * worth(masks)
        scored = [(total + float(value), order) for (total, order), value in zip(kept, values, strict=True)]
        beams = sorted(scored)[:BEAM]
    return np.array(beams[0][1], dtype=np.int64)
