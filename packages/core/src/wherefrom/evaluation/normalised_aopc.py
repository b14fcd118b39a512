"""AOPC between its bounds, so that models and inputs can be compared.

Source:
    Edin, Motzfeldt, Christensen, Ruotsalo, Maaløe & Maistro (2025), https://arxiv.org/abs/2408.08137.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, metric
from wherefrom.evaluation.extreme_orders import BEAM, EXACT_UNITS, extreme_order
from wherefrom.evaluation.ordering import order_scores
from wherefrom.evaluation.perturbation_curves import AopcLerf, AopcMorf
from wherefrom.methods.perturbation.coalitions import all_coalitions


@frozen(kw_only=True)
class Bounded(ReadsOrder, Metric):
    """A metric that stands between the bounds of all orders."""

    def searched(self, count: int) -> int:
        """A bound of the passes that a search beyond the plan takes, for all rankings of one output together."""
        return 0 if count <= EXACT_UNITS else 2 * BEAM * count * count

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        """Every subset where there are few units; a search asks as it goes."""
        count = len(scores)
        return all_coalitions(count) if count <= EXACT_UNITS else AopcMorf().plan(scores, seed)

    def bounds(self, case: Case) -> tuple[float, float]:
        """The lowest and the highest AOPC of all orders of the units."""
        found = [
            AopcMorf().measure(order_scores(extreme_order(case.count, case.worth, lowest=lowest)), case)
            for lowest in (False, True)
        ]
        return found[0], found[1]

    def normalised(self, value: float, case: Case) -> float:
        low, high = self.bounds(case)
        return (value - low) / (high - low) if high > low else float("nan")


@metric("naopc", higher_is_better=True)
@frozen(kw_only=True)
class NormalisedAopc(Bounded):
    """``(AOPC − lowest) / (highest − lowest)`` over all orders, most relevant first: 1 is the best order there is.

    Exact up to ten units, by a beam search beyond (values slightly outside 0 to 1 are then possible)."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        return self.normalised(AopcMorf().measure(scores, case), case)


@metric("naopc_sufficiency", higher_is_better=False)
@frozen(kw_only=True)
class NormalisedAopcSufficiency(Bounded):
    """The same for the least relevant first: 0 is best."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        return np.concatenate([super().plan(scores, seed), AopcLerf().plan(scores, seed)])

    def measure(self, scores: FloatArray, case: Case) -> float:
        return self.normalised(AopcLerf().measure(scores, case), case)
