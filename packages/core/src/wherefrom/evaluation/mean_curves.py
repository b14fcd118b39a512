"""Perturbation curves of several outputs as one: what is lost against the share of units that are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.evaluation.records import Curve, Evaluation, check_named
from wherefrom.settings import check_call

POINTS = 21
"""Shares from none to all, evenly."""


class MeanCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Both curves of one method, the mean over outputs and then over examples."""

    method: str
    removal: str
    shares: tuple[float, ...]
    """Part of the units that are gone, 0 to 1."""
    most_first: tuple[float, ...]
    """Change of log-probability in nats, most relevant units removed first; 0 at the beginning."""
    least_first: tuple[float, ...]
    examples: int


def mean_curves(evaluation: Evaluation, *, removal: str | None = None, points: int = POINTS) -> list[MeanCurve]:
    """Every method's curves for each way of removal, methods first and orderings after them.

    Between the cuts of an output its curve is a straight line.

    Args:
        removal: One way of removal; None: each.
        points: Shares at which they are read, at least 2.

    Raises:
        SettingsError: ``points`` is below 2.
        UnknownNameError: The evaluation has no such removal.
    """
    check_call(mean_curves, locals(), points=2)
    if removal is not None:
        check_named("removal", removal, evaluation.removals)
    shares = np.linspace(0.0, 1.0, points)
    gathered: dict[tuple[str, str], dict[int, list[FloatArray]]] = defaultdict(lambda: defaultdict(list))
    for one in evaluation.curves:
        if removal is None or one.removal == removal:
            gathered[one.removal, one.method][one.example].append(_on(shares, one))
    found = []
    names = (*evaluation.methods, *evaluation.orderings)
    for (way, method), examples in sorted(gathered.items(), key=lambda item: (item[0][0], _place(names, item[0][1]))):
        both = np.mean([np.mean(outputs, axis=0) for outputs in examples.values()], axis=0)
        found.append(
            MeanCurve(
                method=method,
                removal=way,
                shares=tuple(shares.tolist()),
                most_first=tuple(both[0].tolist()),
                least_first=tuple(both[1].tolist()),
                examples=len(examples),
            )
        )
    return found


def _on(shares: FloatArray, curve: Curve) -> FloatArray:
    """Both curves at these shares, as changes from their beginning. Shape ``(2, shares)``."""
    places = np.array(curve.cuts) / max(curve.cuts[-1], 1)
    return np.stack(
        [np.interp(shares, places, np.array(one) - one[0]) for one in (curve.most_first, curve.least_first)]
    )


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
