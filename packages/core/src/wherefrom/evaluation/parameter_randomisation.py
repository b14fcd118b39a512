"""Parameter randomisation: scores that stay when what the model learned is gone do not explain the model.

Source:
    Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim (2018), https://arxiv.org/abs/1810.03292. On its limits: Hedström,
    Weber, Lapuschkin & Höhne (2023), https://arxiv.org/abs/2401.06465.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Literal

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters.check import lacking
from wherefrom.adapters.randomising import RandomisesWeights
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, metric, no_masks
from wherefrom.evaluation.rescoring import Again, AsksMethod
from wherefrom.results.comparison import in_common, largest_of_both, spearman
from wherefrom.settings import counting


@metric("parameter_randomisation", higher_is_better=False)
@frozen(kw_only=True)
class ParameterRandomisation(AsksMethod, Metric):
    """How much of the order of scores is left when weights are shuffled, from the output down; low is good.

    The mean over ``shares`` of the rank correlation, or of the overlap of the highest units, with the scores of the
    model as it is.
    """

    shares: tuple[float, ...] = field(
        default=(0.5, 1.0),
        converter=tuple,
        validator=[
            validators.min_len(1),
            validators.deep_iterable(validators.and_(validators.gt(0), validators.le(1))),
        ],
    )
    """Which part of the weights is shuffled, counted from the output."""
    likeness: Literal["spearman", "top_k"] = "spearman"
    """What is compared: ranks of all units, or the share of the ``k`` highest (negative ones last) that both have;
    zeros are none of them, and it is undefined where a side has nothing else."""
    k: int = field(default=3, validator=counting(1))

    def runs(self) -> int:
        return len(self.shares)

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return no_masks(scores)

    def measure(self, scores: FloatArray, case: Case) -> float:
        found = [
            self._alike(
                scores,
                case.scored_again(("shuffled", share), partial(_shuffled, share=share)),
            )
            for share in self.shares
        ]
        defined = [one for one in found if not np.isnan(one)]
        return float(np.mean(defined)) if defined else float("nan")

    def _alike(self, scores: FloatArray, others: FloatArray) -> float:
        if self.likeness == "spearman":
            return spearman(scores, others)
        one, other = np.asarray(scores, dtype=np.float64), np.asarray(others, dtype=np.float64)
        if np.isnan(one).any() or np.isnan(other).any():
            return float("nan")
        first, second = largest_of_both(one, other, self.k)
        return in_common(first.sum(axis=0), second.sum(axis=0)) / len(first) if len(first) else float("nan")


def _shuffled(again: Again, *, share: float) -> AbstractContextManager[Any]:
    if not isinstance(again.model, RandomisesWeights):
        raise lacking(again.model, RandomisesWeights, "Parameter randomisation", "Leave this metric out.")
    return again.model.randomised(share, seed=again.seed)
