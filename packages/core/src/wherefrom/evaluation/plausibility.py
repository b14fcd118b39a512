"""Comparison with gold units: what is known to matter, by construction or by annotation. No pass is run.

Where scores are equal, a metric is its exact mean over their orders: scores that are all alike are worth a random
order.

Sources:
    Arras, Osman & Samek (2022), CLEVR-XAI, https://arxiv.org/abs/2003.07258 (relevance mass, rank accuracy);
    Yin & Neubig (2022), https://arxiv.org/abs/2202.10419 (reciprocal rank, probes needed, dot product);
    DeYoung et al. (2020), ERASER, https://arxiv.org/abs/1911.03429 (AUPRC, token F1, IoU);
    Bastings et al. (2022), https://arxiv.org/abs/2111.07367 (precision at k, mean rank).
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsSizes, metric, no_masks
from wherefrom.evaluation.ordering import counts_on_top, first_ranks, mean_precision, ranks_of, shares_on_top
from wherefrom.settings import counting


@frozen(kw_only=True)
class _OfGold(Metric):
    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        """No masks."""
        return no_masks(scores)


@metric("auprc", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class Auprc(_OfGold):
    """Area under the curve of precision over recall, as average precision: the mean over gold units of the precision at
    their rank."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        return mean_precision(case.known_gold(), scores)


@metric("mrr", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class ReciprocalRank(_OfGold):
    """One over the rank of the first gold unit; its mean over examples is the MRR."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        ranks, chances = first_ranks(case.known_gold(), scores)
        return float((chances / ranks).sum())


@metric("probes_needed", higher_is_better=False, needs_gold=True)
@frozen(kw_only=True)
class ProbesNeeded(_OfGold):
    """How many units are looked at, highest first, before a gold one; 0 is best."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(ranks_of(case.known_gold(), scores)[0] - 1.0)


@metric("mean_rank", higher_is_better=False, needs_gold=True)
@frozen(kw_only=True)
class MeanRank(_OfGold):
    """Mean rank of the gold units, from 1."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(ranks_of(case.known_gold(), scores).mean())


@metric("dot_product", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class DotProduct(ReadsSizes, _OfGold):
    """Sum of the scores of the gold units, in the scores' own unit."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(scores[case.known_gold()].sum())


@metric("pointing_game", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class PointingGame(_OfGold):
    """1 if the highest unit is gold, else 0; of several highest the share that is gold."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        return float(shares_on_top(scores, 1)[case.known_gold()].sum())


@metric("relevance_mass", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class RelevanceMass(ReadsSizes, _OfGold):
    """Share of the positive scores that gold units have; nan where no score is positive."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        positive = np.maximum(scores, 0.0)
        total = positive.sum()
        return float(positive[case.known_gold()].sum() / total) if total > 0 else float("nan")


@metric("rank_accuracy", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class RankAccuracy(_OfGold):
    """Share of gold units among as many of the highest as there are gold ones: recall of the evidence."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        gold = case.known_gold()
        return float(shares_on_top(scores, int(gold.sum()))[gold].sum() / gold.sum())


@frozen(kw_only=True)
class _AtK(_OfGold):
    k: int | None = field(default=None, validator=counting(1))
    """How many of the highest units are chosen; None: as many as there are gold ones."""

    def chosen(self, case: Case) -> int:
        """How many units are chosen."""
        gold = case.known_gold()
        return min(int(gold.sum()) if self.k is None else self.k, len(gold))

    def counts(self, scores: FloatArray, case: Case) -> tuple[float, float, float]:
        """How many units are chosen, how many are gold, and how many are both."""
        gold = case.known_gold()
        chosen = shares_on_top(scores, self.chosen(case))
        return float(chosen.sum()), float(gold.sum()), float(chosen[gold].sum())


@metric("precision_at_k", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class PrecisionAtK(_AtK):
    """Share of gold units among the k highest."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        chosen, _, both = self.counts(scores, case)
        return both / chosen


@metric("token_f1", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class TokenF1(_AtK):
    """Harmonic mean of precision and recall of the k highest units."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        chosen, gold, both = self.counts(scores, case)
        return 2.0 * both / (chosen + gold)


@metric("token_iou", higher_is_better=True, needs_gold=True)
@frozen(kw_only=True)
class TokenIou(_AtK):
    """Intersection over union of the k highest units and the gold ones."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        gold = case.known_gold()
        both, chances = counts_on_top(gold, scores, self.chosen(case))
        return float((chances * both / (self.chosen(case) + gold.sum() - both)).sum())
