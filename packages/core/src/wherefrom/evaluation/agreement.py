"""How far methods agree with each other. It says nothing of whether they are right.

Source:
    Krishna et al. (2022), https://arxiv.org/abs/2202.01602.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec
import numpy as np

from wherefrom.evaluation.records import Evaluation


class AgreementLine(msgspec.Struct, frozen=True, kw_only=True):
    """Two methods by one measure."""

    method: str
    other: str
    measure: str
    mean: float | None
    """Over the examples, each the mean over its outputs; None: undefined everywhere."""
    count: int
    """How many examples that is."""


def agreement(evaluation: Evaluation) -> list[AgreementLine]:
    """Every two methods by every measure: rank correlations, and what they share of the units that are largest by
    absolute value."""
    gathered: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in evaluation.agreements:
        for measure, value in one.measures.items():
            places = gathered[one.method, one.other, measure]
            if value is not None:
                places[one.example].append(value)
    return [
        AgreementLine(
            method=method,
            other=other,
            measure=measure,
            mean=float(np.mean([np.mean(values) for values in places.values()])) if places else None,
            count=len(places),
        )
        for (method, other, measure), places in gathered.items()
    ]
