"""Max-sensitivity: how far do scores move when the input hardly does?

Source:
    Yeh, Hsieh, Suggala, Inouye & Ravikumar (2019), https://arxiv.org/abs/1901.09392.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import Side
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.evaluation.contract import Case, Metric, metric, no_masks
from wherefrom.evaluation.nudging import Nudges, nudged, random_nudges
from wherefrom.evaluation.rescoring import Again, AsksMethod
from wherefrom.settings import counting


@metric("max_sensitivity", higher_is_better=False)
@frozen(kw_only=True)
class MaxSensitivity(AsksMethod, Metric):
    """``max ‖a(x + r) − a(x)‖ / ‖a(x)‖`` over random small changes ``r`` of the embeddings; 0 is best.

    A token has the same change wherever it stands. Scores that do not look at the input have 0 too: read it beside a
    metric of faithfulness.
    """

    radius: float = field(default=0.02, validator=validators.gt(0.0))
    """Largest change of an entry of an embedding, as a part of their root mean square."""
    n_samples: int = field(default=4, validator=counting(1))

    def runs(self) -> int:
        return self.n_samples

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return no_masks(scores)

    def measure(self, scores: FloatArray, case: Case) -> float:
        size = float(np.linalg.norm(scores))
        if not size > 0:
            return float("nan")
        moved = [
            case.scored_again(("moved", self.radius, draw), partial(self._model, draw=draw))
            for draw in range(self.n_samples)
        ]
        return max(float(np.linalg.norm(one - scores)) for one in moved) / size

    def _model(self, again: Again, *, draw: int) -> AbstractContextManager[Any]:
        rng = np.random.default_rng([again.seed, draw])
        question = again.question
        ids = _own(question.target_ids, question.kept_target)
        nudges: dict[Side, Nudges] = {"target": random_nudges(again.model, ids, "target", self.radius, rng)}
        if question.source_ids is not None:
            ids = _own(question.source_ids, question.kept_source)
            nudges["source"] = random_nudges(again.model, ids, "source", self.radius, rng)
        return nullcontext(nudged(again.model, nudges))


def _own(ids: IntArray, kept: IntArray) -> IntArray:
    """The tokens that may change: all but those that baselines leave alone, wherever they stand."""
    return np.setdiff1d(ids, ids[kept])
