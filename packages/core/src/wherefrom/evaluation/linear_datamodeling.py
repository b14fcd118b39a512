"""Linear datamodeling score: do the scores, added up, predict what random inputs are worth?

Source:
    Park et al. (2023), TRAK, https://arxiv.org/abs/2303.14186; for contexts Cohen-Wang et al. (2024), ContextCite,
    https://arxiv.org/abs/2409.00729.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsSizes, metric
from wherefrom.evaluation.ordering import random_masks
from wherefrom.results.comparison import ROUNDING, in_levels, spearman
from wherefrom.settings import counting


@metric("lds", higher_is_better=True)
@frozen(kw_only=True)
class LinearDatamodelingScore(ReadsSizes, Metric):
    """Spearman correlation over random masks, each unit kept with probability 1/2, between the log-probability and the
    sum of the scores of the units that stay."""

    n_samples: int = field(default=32, validator=counting(3))
    """Random masks; the same for every method."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return random_masks(len(scores), self.n_samples, seed)

    def measure(self, scores: FloatArray, case: Case) -> float:
        masks = self.plan(scores, case.seed)
        sums = in_levels(masks.astype(np.float64) @ scores, ROUNDING * float(np.abs(scores).sum()))
        return spearman(sums, case.worth(masks))
