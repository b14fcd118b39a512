"""Soft sufficiency and comprehensiveness: every entry of an embedding stays with the probability that its score says.

Nothing is cut at a number of units: a token that scores half keeps half of its embedding's entries, drawn by chance.

Source:
    Zhao & Aletras (2023), https://arxiv.org/abs/2305.10496; between next-token distributions Zhao & Shan (2024),
    ReAGent, https://arxiv.org/abs/2402.00794.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.evaluation.contract import Case, Metric, ReadsSizes, metric, no_masks
from wherefrom.evaluation.embedded import AsksEmbeddings, Embedded
from wherefrom.settings import counting

Distance = Literal["hellinger", "hellinger_repository", "probability"]


def loss(before: FloatArray, after: FloatArray, targets: IntArray, distance: Distance) -> FloatArray:
    """How far what is said moved, per step.

    Args:
        before: Log-probabilities, shape ``(steps, vocabulary)``.
        after: Likewise.
        targets: Ids of the explained tokens, shape ``(steps,)``.
        distance: ``"hellinger"``: ``‖√P − √Q‖₂ / √2`` as in the paper; ``"hellinger_repository"``: ``Σ (√P − √Q)² /
            √2`` as the paper's own code has it, without the root; ``"probability"``: the drop of the token's
            probability, never below 0, as in Zhao & Aletras.
    """
    if distance == "probability":
        steps = np.arange(len(targets))
        drop: FloatArray = np.maximum(0.0, np.exp(before[steps, targets]) - np.exp(after[steps, targets]))
        return drop
    squares: FloatArray = ((np.exp(before / 2) - np.exp(after / 2)) ** 2).sum(axis=-1)
    found: FloatArray = squares / np.sqrt(2.0) if distance == "hellinger_repository" else np.sqrt(squares / 2.0)
    return found


def importance(scores: FloatArray) -> FloatArray:
    """Scores from 0, the lowest, to 1, the highest; nan where all are alike."""
    spread = scores.max() - scores.min()
    return (scores - scores.min()) / spread if spread > 0 else np.full(len(scores), np.nan)


@frozen(kw_only=True)
class SoftErasure(ReadsSizes, AsksEmbeddings, Metric):
    """Settings of both."""

    distance: Distance = "hellinger"
    """How the distance of two answers is measured; see `loss`."""
    n_samples: int = field(default=4, validator=counting(1))
    """Draws of which entries stay; the same random numbers for every method. The papers draw once."""

    def passes(self) -> int:
        return self.n_samples

    def passes_once(self) -> int:
        """The input as it is, and with all entries gone."""
        return 2

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        """No masks of units."""
        return no_masks(scores)

    def losses(self, stays: FloatArray, case: Case) -> tuple[FloatArray, FloatArray]:
        """What is lost with all entries gone, ``(steps,)``, and in each draw, ``(draws, steps)``.

        Args:
            stays: Probability of staying, per unit.
        """
        inputs = case.known_embedded()
        ends = (inputs.vectors, np.zeros_like(inputs.vectors))
        before, blank = inputs.once(SoftErasure, lambda: tuple(inputs.answers(ends)))
        drawn = inputs.answers(self._variants(inputs, stays, case.seed))
        return (
            loss(before, blank, inputs.targets, self.distance),
            np.stack([loss(before, one, inputs.targets, self.distance) for one in drawn]),
        )

    def _variants(self, inputs: Embedded, stays: FloatArray, seed: int) -> list[FloatArray]:
        rng = np.random.default_rng([seed, *inputs.vectors.shape])
        draws = [rng.random(inputs.vectors.shape) < stays[inputs.owners][:, None] for _ in range(self.n_samples)]
        return [inputs.vectors * one for one in draws]


def _mean(ratios: FloatArray) -> float:
    defined = ratios[np.isfinite(ratios)]
    return float(defined.mean()) if len(defined) else float("nan")


@metric("soft_sufficiency", higher_is_better=True)
@frozen(kw_only=True)
class SoftSufficiency(SoftErasure):
    """``max(0, D₀ − D) / D₀``: D is the loss when an entry stays with the probability of its token's score, D₀ the loss
    with none. The mean over draws and steps; 1 is best."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        stays = importance(scores)
        if np.isnan(stays).any():
            return float("nan")
        none, drawn = self.losses(stays, case)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _mean(np.maximum(0.0, none - drawn) / none)


@metric("soft_comprehensiveness", higher_is_better=True)
@frozen(kw_only=True)
class SoftComprehensiveness(SoftErasure):
    """``D / D₀``: D is the loss when an entry goes with the probability of its token's score, D₀ the loss with none
    left. The mean over draws and steps."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        goes = importance(scores)
        if np.isnan(goes).any():
            return float("nan")
        none, drawn = self.losses(1.0 - goes, case)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _mean(drawn / none)
