"""One table: method by metric, with intervals against random and what chance would do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec
import numpy as np

from wherefrom.evaluation.orderings import RANDOM
from wherefrom.evaluation.records import Evaluation, Measurement, check_named
from wherefrom.evaluation.statistics import mean_interval, permutation_p
from wherefrom.results.comparison import ROUNDING
from wherefrom.results.multiple_tests import holm
from wherefrom.settings import check_call

ALL_REMOVALS = "mean of removals"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One method by one metric."""

    method: str
    metric: str
    removal: str
    """One way of removal; empty where none is used; `ALL_REMOVALS` for the mean over them."""
    mean: float | None
    """Over the units of comparison: examples, or the outputs of a single example."""
    count: int
    """How many of these it is the mean of."""
    over_random: float | None
    """Mean paired difference to random orders, over the outputs where both are defined; of metrics that hang on sizes
    or signs of scores, to the same scores in random orders."""
    interval: tuple[float, float] | None
    """Of that difference: paired Student's t, 95 %."""
    p: float | None
    """Paired permutation test of that difference, two-sided, corrected by Holm's procedure over the methods of one
    metric; of orders that need no method, each for itself."""
    better_than_random: bool | None
    """Is the difference on the metric's good side, with ``p`` below 0.05?"""


def summary(evaluation: Evaluation, *, removal: str | None = None) -> list[Line]:
    """Every method by every metric.

    Outputs of an example are averaged first, so that long examples do not count more; with one example alone its
    outputs are what is compared.

    Args:
        removal: One way of removal; None: the mean over all.

    Raises:
        UnknownNameError: The evaluation has no such removal.
    """
    check_call(summary, locals())
    if removal is not None:
        check_named("removal", removal, evaluation.removals)
    values = values_by_example(evaluation, removal)
    differences = values_by_example(evaluation, removal, of=_over_chance(evaluation))
    lines: list[Line] = []
    for metric, facts in evaluation.metrics.items():
        names = [name for name in (*evaluation.methods, *evaluation.orderings) if (name, metric) in values]
        paired = {
            name: np.array(list(differences.get((name, metric), {}).values())) for name in names if name != RANDOM
        }
        tested = {name: permutation_p(one, seed=evaluation.seed) for name, one in paired.items()}
        methods = [name for name in tested if name in evaluation.methods]
        tested |= zip(methods, holm(np.array([tested[name] for name in methods])), strict=True)
        for name in names:
            found = np.array(list(values[name, metric].values()))
            difference = paired.get(name, np.zeros(0))
            p = _known(tested.get(name))
            over = float(difference.mean()) if len(difference) else None
            lines.append(
                Line(
                    method=name,
                    metric=metric,
                    removal=_removal_of(evaluation, name, metric, removal),
                    mean=float(found.mean()) if len(found) else None,
                    count=len(found),
                    over_random=over,
                    interval=mean_interval(difference) if len(difference) > 1 else None,
                    p=p,
                    better_than_random=_better(over, p, facts.higher_is_better),
                )
            )
    return lines


def ranking(evaluation: Evaluation, metric: str, *, removal: str | None = None) -> list[str]:
    """The evaluated methods, best first by one metric's mean.

    Raises:
        UnknownNameError: The evaluation has no such metric or removal.
    """
    check_call(ranking, locals())
    check_named("metric", metric, evaluation.metrics)
    facts = evaluation.metrics[metric]
    lines = [
        one
        for one in summary(evaluation, removal=removal)
        if one.metric == metric and one.method in evaluation.methods and one.mean is not None
    ]
    sign = -1.0 if facts.higher_is_better else 1.0
    return [one.method for one in sorted(lines, key=lambda one: sign * (one.mean or 0.0))]


def _removal_of(evaluation: Evaluation, method: str, metric: str, removal: str | None) -> str:
    used = {one.removal for one in evaluation.measurements if (one.method, one.metric) == (method, metric)}
    if used == {""}:
        return ""
    return removal or (next(iter(used)) if len(used) == 1 else ALL_REMOVALS)


def values_by_example(
    evaluation: Evaluation,
    removal: str | None,
    *,
    of: Callable[[Measurement], float | None] = lambda one: one.value,
) -> dict[tuple[str, str], dict[object, float]]:
    """(method, metric) to one value per example, or per output where there is one example.

    Args:
        of: What is read of each measurement; those that give None are left out.
    """
    single = len({one.example for one in evaluation.measurements}) <= 1
    gathered: dict[tuple[str, str], dict[object, list[float]]] = defaultdict(lambda: defaultdict(list))
    place: Callable[[Measurement], object] = (lambda one: one.span) if single else (lambda one: one.example)
    for one in _chosen(evaluation, removal):
        if (value := of(one)) is not None:
            gathered[one.method, one.metric][place(one)].append(value)
    return {
        key: {where: float(np.mean(found)) for where, found in sorted(places.items(), key=str)}
        for key, places in gathered.items()
    }


def _chosen(evaluation: Evaluation, removal: str | None) -> Iterable[Measurement]:
    return (one for one in evaluation.measurements if removal is None or one.removal in ("", removal))


def _over_chance(evaluation: Evaluation) -> Callable[[Measurement], float | None]:
    """How far a number lies above chance for the same output and removal; None where either is undefined.

    0 where both are alike but for rounding, as the order in which scores are added up may make it.
    """

    def output(one: Measurement, removal: str) -> tuple[object, ...]:
        return one.metric, removal, one.example, one.span

    random = {output(one, one.removal): one.value for one in evaluation.measurements if one.method == RANDOM}

    def over(one: Measurement) -> float | None:
        chance = one.chance
        if chance is None:  # random orders of a metric that removes nothing know no removal
            chance = random.get(output(one, one.removal), random.get(output(one, "")))
        if one.value is None or chance is None:
            return None
        difference = one.value - chance
        return difference if abs(difference) > ROUNDING * max(abs(one.value), abs(chance)) else 0.0

    return over


def _better(over: float | None, p: float | None, higher_is_better: bool) -> bool | None:
    if over is None or p is None:
        return None
    return (over > 0) == higher_is_better and over != 0 and p < 0.05


def _known(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
