"""Every metric of every method's scores for one example, from one ablation table per way of removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric
from wherefrom.evaluation.ordering import curve_masks, cut_points
from wherefrom.evaluation.orderings import (
    RANDOM,
    RECENCY,
    informed_scores,
    random_scores,
    recency_scores,
)
from wherefrom.evaluation.records import Curve, Measurement
from wherefrom.evaluation.tau_leave_one_out import leave_one_out_masks
from wherefrom.evaluation.worths import OutputCase, Span, Worths

NO_REMOVAL = ""


@frozen(kw_only=True, eq=False)
class Plan:
    """What is measured, of every example alike."""

    metrics: tuple[Metric, ...]
    draws: int = 10
    """Random orders."""
    extremes: bool = False
    """Also the best and the worst of all orders, where there are at most ten units."""
    curves: bool = True
    """Keep the curves?"""
    cuts: int | None = None
    """Points of the kept curves."""
    seed: int = 0


@frozen(kw_only=True, eq=False)
class Measured:
    """What was found for one example."""

    measurements: list[Measurement] = field(factory=list)
    curves: list[Curve] = field(factory=list)


def measure(
    worths: Sequence[Worths],
    scores: Mapping[str, FloatArray],
    spans: Sequence[Span],
    plan: Plan,
    *,
    example: int = 0,
    gold: BoolArray | None = None,
) -> Measured:
    """All numbers of one example.

    Args:
        worths: One per way of removal; metrics that remove nothing use none of them.
        scores: Method to scores of all units for all explained steps, ``(units, steps)``.
        spans: The outputs.
        gold: The gold units, shape ``(units,)``.
    """
    found = Measured()
    metrics = [one for one in plan.metrics if gold is not None or not one.needs_gold]
    for place, one in enumerate(worths):
        outputs = [one.case(span, gold=gold, seed=plan.seed) for span in spans]
        asked = [metric for metric in metrics if place == 0 or _removes(metric)]
        rankings = [_known_rankings(output, scores, plan) for output in outputs]
        one.ask(
            np.concatenate(
                [_planned(output, lists, asked, plan) for output, lists in zip(outputs, rankings, strict=True)]
            )
        )
        for output, lists in zip(outputs, rankings, strict=True):
            more = informed_scores(output.case, extremes=plan.extremes)
            lists |= {name: [values] for name, values in more.items()}
        one.ask(
            np.concatenate(
                [_planned(output, lists, asked, plan) for output, lists in zip(outputs, rankings, strict=True)]
            )
        )
        for span, output, lists in zip(spans, outputs, rankings, strict=True):
            for name, draws in lists.items():
                found.measurements.extend(
                    Measurement(
                        method=name,
                        metric=metric.identifier,
                        removal=str(one.removal) if _removes(metric) else NO_REMOVAL,
                        example=example,
                        span=span,
                        value=_mean(metric, draws, output.case),
                    )
                    for metric in asked
                )
                if plan.curves:
                    found.curves.append(_curve(name, one, example, span, draws, output.case, plan.cuts))
    return found


def _removes(metric: Metric) -> bool:
    return len(metric.plan(np.arange(2.0), 0)) > 0


def _known_rankings(output: OutputCase, scores: Mapping[str, FloatArray], plan: Plan) -> dict[str, list[FloatArray]]:
    """Scores that need no pass of the model; several for random."""
    count = output.case.count
    found = {name: [output.scores(values)] for name, values in scores.items()}
    found[RANDOM] = random_scores(count, plan.draws, plan.seed)
    found[RECENCY] = [recency_scores(count)]
    return found


def _planned(
    output: OutputCase, rankings: Mapping[str, Sequence[FloatArray]], metrics: Sequence[Metric], plan: Plan
) -> BoolArray:
    """Every mask that will be asked for, over all units of the example."""
    count = output.case.count
    wanted = [np.ones((1, count), bool), leave_one_out_masks(count)]
    for draws in rankings.values():
        for values in draws:
            wanted += [metric.plan(values, plan.seed) for metric in metrics]
            if plan.curves:
                wanted += curve_masks(values, plan.cuts)
    return output.whole(np.unique(np.concatenate(wanted), axis=0))


def _mean(metric: Metric, draws: Sequence[FloatArray], case: Case) -> float | None:
    values = np.array([metric.measure(scores, case) for scores in draws])
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def _curve(
    name: str, worths: Worths, example: int, span: Span, draws: Sequence[FloatArray], case: Case, cuts: int | None
) -> Curve:
    both = np.mean([[case.worth(masks) for masks in curve_masks(scores, cuts)] for scores in draws], axis=0)
    return Curve(
        method=name,
        removal=str(worths.removal),
        example=example,
        span=span,
        cuts=tuple(int(cut) for cut in cut_points(case.count, cuts)),
        most_first=tuple(both[0].tolist()),
        least_first=tuple(both[1].tolist()),
    )
