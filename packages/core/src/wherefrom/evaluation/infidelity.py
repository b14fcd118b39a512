"""Infidelity: do the scores say by how much the answer changes when the input is changed by chance?

Source:
    Yeh, Hsieh, Suggala, Inouye & Ravikumar (2019), https://arxiv.org/abs/1901.09392.
"""

from __future__ import annotations

from itertools import chain
from typing import Literal

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsSizes, metric, no_masks
from wherefrom.evaluation.embedded import AsksEmbeddings
from wherefrom.evaluation.ordering import random_masks
from wherefrom.settings import counting


@metric("infidelity", higher_is_better=False)
@frozen(kw_only=True)
class Infidelity(ReadsSizes, AsksEmbeddings, Metric):
    """``E[(b · I·a − (f(x) − f(x − I)))²]`` with f the log-probability, nats squared; 0 is best.

    The paper's ``I`` is a change of the input. Here it takes a random part ``ε`` from 0 to 1 of each unit's embeddings
    (``"shrink"``), so that scores ``a`` that add up say ``Σ ε a``; or it removes random units as the evaluation does
    (``"remove"``), for models that give no embeddings.
    """

    change: Literal["shrink", "remove"] = "shrink"
    rescale: bool = True
    """Multiply the scores by the best single number ``b = E[I·a Δf] / E[(I·a)²]``, so that scores in other units than
    nats are compared fairly; False: b = 1."""
    n_samples: int = field(default=16, validator=counting(2))
    """Random changes; the same for every method."""

    def passes(self) -> int:
        """None: what it changes hangs on no scores."""
        return 0

    def passes_once(self) -> int:
        return self.n_samples + 1 if self.change == "shrink" else 0

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return no_masks(scores) if self.change == "shrink" else random_masks(len(scores), self.n_samples, seed)

    def measure(self, scores: FloatArray, case: Case) -> float:
        parts, lost = self._removed(case) if self.change == "remove" else self._shrunk(case)
        said = parts @ scores
        power = float((said**2).mean())
        factor = 1.0
        if self.rescale:
            factor = float((said * lost).mean()) / power if power > 0 else 0.0
        return float(((factor * said - lost) ** 2).mean())

    def _removed(self, case: Case) -> tuple[FloatArray, FloatArray]:
        masks = random_masks(case.count, self.n_samples, case.seed)
        return (~masks).astype(np.float64), case.full() - case.worth(masks)

    def _shrunk(self, case: Case) -> tuple[FloatArray, FloatArray]:
        inputs = case.known_embedded()
        parts = np.random.default_rng([case.seed, case.count]).random((self.n_samples, case.count))
        shrunk = (inputs.vectors * (1.0 - row[inputs.owners][:, None]) for row in parts)
        found = inputs.once(
            (type(self), case.seed, self.n_samples), lambda: inputs.worths(chain([inputs.vectors], shrunk))
        )
        return parts, found[0] - found[1:]
