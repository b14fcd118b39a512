"""Perturbation curves: remove unit after unit, and look how fast the answer goes.

Source:
    Samek, Binder, Montavon, Lapuschkin & Müller (2017), https://arxiv.org/abs/1509.06321.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, metric
from wherefrom.evaluation.ordering import curve_masks
from wherefrom.settings import counting


@frozen(kw_only=True)
class Curves(ReadsOrder, Metric):
    """Settings of the metrics that are read from the two curves."""

    cuts: int | None = field(default=None, validator=counting(1))
    """Points of the curve after the first, evenly over the units; None: one per unit."""

    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        """The masks of both curves."""
        return np.concatenate(curve_masks(scores, self.cuts))

    def both(self, scores: FloatArray, case: Case) -> tuple[FloatArray, FloatArray]:
        """What is left at each cut, most relevant first and least relevant first, in nats."""
        most, least = curve_masks(scores, self.cuts)
        return case.worth(most), case.worth(least)


@metric("aopc_morf", higher_is_better=True)
@frozen(kw_only=True)
class AopcMorf(Curves):
    """Mean loss of log-probability, most relevant units removed first: ``1/(L+1) Σ_k (f(0 removed) − f(k removed))``,
    k from 0 to L cuts; nats."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        most, _ = self.both(scores, case)
        return float(np.mean(most[0] - most))


@metric("aopc_lerf", higher_is_better=False)
@frozen(kw_only=True)
class AopcLerf(Curves):
    """The same with the least relevant units removed first; low is good."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        _, least = self.both(scores, case)
        return float(np.mean(least[0] - least))


@metric("abpc", higher_is_better=True)
@frozen(kw_only=True)
class Abpc(Curves):
    """Area between the two curves: `AopcMorf` − `AopcLerf`, in nats. 0 is what random orders have in the mean."""

    def measure(self, scores: FloatArray, case: Case) -> float:
        most, least = self.both(scores, case)
        return float(np.mean(least - most))
