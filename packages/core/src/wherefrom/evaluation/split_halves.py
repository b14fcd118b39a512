"""Would other prompts give another order of methods? Rankings from random halves of the examples, compared."""

from __future__ import annotations

import msgspec
import numpy as np

from wherefrom.evaluation.records import Evaluation, check_named
from wherefrom.evaluation.summary import values_by_example
from wherefrom.results.comparison import spearman
from wherefrom.settings import check_call

SPLITS = 200


class SplitHalves(msgspec.Struct, frozen=True, kw_only=True):
    """How stable the order of methods is by one metric."""

    metric: str
    removal: str
    mean: float | None
    """Mean rank correlation of the methods' means in one half and in the other; None with fewer than four examples or
    three methods."""
    low: float | None
    """Its 5th percentile over the splits."""
    same_best: float | None
    """Share of the splits where both halves name the same best method."""
    examples: int
    methods: int
    """How many took part: those with a number for every example that any method has one for."""


def split_halves(
    evaluation: Evaluation, metric: str, *, removal: str | None = None, splits: int = SPLITS
) -> SplitHalves:
    """Rank the methods twice, each time by half of the examples.

    Only methods that have a number for every example take part, so that all are compared on the same ones. The steps of
    a single example are no examples.

    Args:
        removal: One way of removal; None: the mean over all.
        splits: Random splits, the same for every metric.

    Raises:
        SettingsError: ``splits`` is below 1.
        UnknownNameError: The evaluation has no such metric or removal.
    """
    check_call(split_halves, locals(), splits=1)
    check_named("metric", metric, evaluation.metrics)
    if removal is not None:
        check_named("removal", removal, evaluation.removals)
    values = values_by_example(evaluation, removal)
    places = {
        method: found for (method, name), found in values.items() if name == metric and method in evaluation.methods
    }
    shared = sorted({place for found in places.values() for place in found}, key=str)
    complete = {method: found for method, found in places.items() if found.keys() >= set(shared)}
    examples = min(len(shared), len({one.example for one in evaluation.measurements}))
    none = SplitHalves(
        metric=metric,
        removal=removal or "",
        mean=None,
        low=None,
        same_best=None,
        examples=examples,
        methods=len(complete),
    )
    if examples < 4 or len(complete) < 3:
        return none
    table = np.array([[found[place] for place in shared] for found in complete.values()])
    sign = 1.0 if evaluation.metrics[metric].higher_is_better else -1.0
    rng = np.random.default_rng([evaluation.seed, len(shared)])
    alike, same = [], []
    for _ in range(splits):
        order = rng.permutation(len(shared))
        one, other = (sign * table[:, half].mean(axis=1) for half in np.split(order, [len(order) // 2]))
        alike.append(spearman(one, other))
        same.append(int(one.argmax()) == int(other.argmax()))
    known = np.array([value for value in alike if not np.isnan(value)])
    if not len(known):
        return none
    return msgspec.structs.replace(
        none, mean=float(known.mean()), low=float(np.quantile(known, 0.05)), same_best=float(np.mean(same))
    )
