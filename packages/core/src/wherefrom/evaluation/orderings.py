"""What every row of scores is held against: orders that know nothing, little, or everything.

``random``        scores drawn anew; its value is the mean over the draws. Metrics that hang on sizes or signs of
                  scores hold each row against its own scores in other orders instead
``recency``       the last unit first: no method at all, and hard to beat on short prompts
``leave-one-out`` the loss without each unit alone, by the removal of the evaluation
``best``          of all orders the one with the steepest curve, and ``worst`` the one with the flattest; up to
                  ten units
"""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.evaluation.contract import Case
from wherefrom.evaluation.extreme_orders import EXACT_UNITS, extreme_order
from wherefrom.evaluation.ordering import order_scores
from wherefrom.evaluation.tau_leave_one_out import leave_one_out_drops

RANDOM, RECENCY, LEAVE_ONE_OUT, BEST, WORST = "random", "recency", "leave-one-out", "best", "worst"
INFORMED = (LEAVE_ONE_OUT, BEST, WORST)
"""Those that ask the model, and so hang on the way of removal."""
ORDERINGS = (RANDOM, RECENCY, *INFORMED)


def random_scores(count: int, draws: int, seed: int) -> list[FloatArray]:
    """Scores that know nothing.

    Args:
        seed: Of the output (`Case.seed`).
    """
    rng = np.random.default_rng([seed, count, 2])
    return [rng.random(count) for _ in range(draws)]


def reordered_scores(scores: FloatArray, draws: int, seed: int) -> list[FloatArray]:
    """The same scores in random orders, which know nothing either."""
    rng = np.random.default_rng([seed, len(scores), 1])
    return [rng.permutation(scores) for _ in range(draws)]


def recency_scores(count: int) -> FloatArray:
    """Later units score higher."""
    return np.arange(count, dtype=np.float64)


def informed_scores(case: Case, *, extremes: bool) -> dict[str, FloatArray]:
    """Scores that ask the model: leave-one-out, and the best and worst order where all can be known."""
    found = {LEAVE_ONE_OUT: leave_one_out_drops(case)}
    if extremes and case.count <= EXACT_UNITS:
        found[BEST] = order_scores(extreme_order(case.count, case.worth, lowest=True))
        found[WORST] = order_scores(extreme_order(case.count, case.worth, lowest=False))
    return found
