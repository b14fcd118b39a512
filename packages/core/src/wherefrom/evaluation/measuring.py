"""Every metric of every method's scores for one example, from one ablation table per way of removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.contract import Case, Metric, ReadsOrder, ReadsSizes
from wherefrom.evaluation.embedded import AsksEmbeddings
from wherefrom.evaluation.extreme_orders import EXACT_UNITS
from wherefrom.evaluation.normalised_aopc import Bounded
from wherefrom.evaluation.ordering import curve_masks, cut_points, without_ties
from wherefrom.evaluation.orderings import (
    INFORMED,
    RANDOM,
    RECENCY,
    informed_scores,
    random_scores,
    recency_scores,
    reordered_scores,
)
from wherefrom.evaluation.records import Agreement, Curve, Measurement
from wherefrom.evaluation.rescoring import Again, AsksMethod
from wherefrom.evaluation.tau_leave_one_out import leave_one_out_masks
from wherefrom.evaluation.worths import OutputCase, Span, Worths
from wherefrom.methods.cost import Cost
from wherefrom.progress import each_told
from wherefrom.results.comparison import agreement_of, ranked_cells

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
    agreement: bool = True
    """Compare the methods with each other?"""
    k: int = 3
    """How many units are compared then: the largest by absolute value."""


@frozen(kw_only=True, eq=False)
class Measured:
    """What was found for one example."""

    measurements: list[Measurement] = field(factory=list)
    curves: list[Curve] = field(factory=list)
    agreements: list[Agreement] = field(factory=list)


def measure(
    worths: Sequence[Worths],
    scores: Mapping[str, FloatArray],
    spans: Sequence[Span],
    plan: Plan,
    *,
    example: int = 0,
    seed: int = 0,
    gold: BoolArray | None = None,
    methods: Mapping[str, Again] | None = None,
) -> Measured:
    """All numbers of one example.

    Args:
        worths: One per way of removal; metrics that remove nothing use none of them.
        scores: Method to scores of all units for all explained steps, ``(units, steps)``.
        spans: The outputs.
        seed: Of the example, another for each: if all had the same draws, chance would err alike for them all.
        gold: The gold units, shape ``(units,)``.
        methods: How the scores were made, for metrics that ask a method again; those without an entry have no such
            numbers.
    """
    found = Measured()
    methods = methods or {}
    metrics = [one for one in plan.metrics if gold is not None or not one.needs_gold]
    for place, one in enumerate(worths):
        asked = [metric for metric in metrics if place == 0 or _removes(metric)]
        again_here = _again(metrics, place)
        embeds = any(isinstance(metric, AsksEmbeddings) for metric in (*asked, *again_here))
        outputs = [one.case(span, gold=gold, seed=seed, with_embeddings=embeds) for span in spans]
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
        informed = sum(name in INFORMED for lists in rankings for name in lists)
        numbers = sum(map(len, rankings)) * len(asked) + informed * len(again_here)
        measured = each_told("measures", numbers, one.progress)
        for span, output, lists in zip(spans, outputs, rankings, strict=True):
            for name, draws in lists.items():
                for metric in (*asked, *(again_here if name in INFORMED else ())):
                    judged, again = draws, methods.get(name)
                    if isinstance(metric, AsksMethod) and again is not None:
                        judged = [output.scores(again.unchanged(progress=one.progress))]
                    if again is not None or not isinstance(metric, AsksMethod):
                        found.measurements.append(
                            Measurement(
                                method=name,
                                metric=metric.identifier,
                                removal=str(one.removal) if _removes(metric) or name in INFORMED else NO_REMOVAL,
                                example=example,
                                span=span,
                                value=_mean(metric, judged, output.of(again)),
                                chance=_chance(metric, name, draws, plan.draws, output.case),
                            )
                        )
                    measured()
                if plan.curves:
                    found.curves.append(_curve(name, one, example, span, draws, output.case, plan.cuts))
            if place == 0 and plan.agreement:
                found.agreements.extend(_agreements(output, scores, example, span, plan.k))
    return found


def planned_cost(
    worths: Sequence[Worths],
    scores: Mapping[str, FloatArray | None],
    spans: Sequence[Span],
    plan: Plan,
    *,
    seed: int = 0,
    gold: bool = False,
    methods: Mapping[str, Again] | None = None,
) -> Cost:
    """A bound of what `measure` runs, told before it is run; arguments as there.

    Args:
        scores: None: not known yet, as if they shared no mask with others and had equal ones.
    """
    known_scores = {name: values for name, values in scores.items() if values is not None}
    unknown = len(scores) - len(known_scores)
    metrics = [one for one in plan.metrics if gold or not one.needs_gold]
    total = Cost(forwards=0, at_most=True)
    for place, one in enumerate(worths):
        asked = [metric for metric in metrics if place == 0 or _removes(metric)]
        outputs = [one.case(span, seed=seed) for span in spans]
        known = [(output, _known_rankings(output, known_scores, plan)) for output in outputs]
        masks = np.concatenate([_planned(output, lists, asked, plan) for output, lists in known])
        forwards = one.passes(np.unique(masks, axis=0))
        each = one.most_passes
        for output, lists in known:
            count = output.case.count
            extremes = 2 if plan.extremes and count <= EXACT_UNITS else 0
            informed = 1 + extremes
            any_ranking = {"any": [np.arange(count, dtype=np.float64)]}
            orders = 2 * (1 + unknown) + extremes  # of equal scores two
            forwards += each * orders * len(_planned(output, any_ranking, asked, plan))
            if extremes:
                forwards += each * 2**count
            rankings = sum(len(draws) for draws in lists.values()) + informed + unknown
            named = len(lists) - (RANDOM in lists) + informed + unknown
            forwards += sum(_embedded_passes(one, informed, informed, plan) for one in _again(metrics, place))
            forwards += sum(_embedded_passes(one, rankings, named, plan) for one in asked)
            forwards += each * sum(metric.searched(count) for metric in asked if isinstance(metric, Bounded))
        total += Cost(forwards=forwards, at_most=True)
    for again in (methods or {}).values():
        runs = [metric.runs() for metric in metrics if isinstance(metric, AsksMethod)]
        if runs and (cost := again.cost()) is not None:
            total += cost.times(1 + sum(runs))  # one more of the model as it is
    return total


def _embedded_passes(metric: Metric, rankings: int, named: int, plan: Plan) -> int:
    """Forward passes of a metric that asks for embeddings, over rankings of so many names."""
    if not isinstance(metric, AsksEmbeddings):
        return 0
    others = named * plan.draws if isinstance(metric, ReadsSizes) else 0
    return (rankings + others) * metric.passes() + metric.passes_once()


def _agreements(
    output: OutputCase, scores: Mapping[str, FloatArray], example: int, span: Span, k: int
) -> list[Agreement]:
    values = {name: output.scores(one).astype(np.float64) for name, one in scores.items()}
    found = []
    for one, other in combinations(values, 2):
        ranked = ranked_cells(values[one], values[other], np.ones(output.case.count, bool))
        measures = agreement_of(values[one][ranked], values[other][ranked], k)
        known = {name: float(value) if np.isfinite(value) else None for name, value in measures.items()}
        found.append(Agreement(method=one, other=other, example=example, span=span, k=k, measures=known))
    return found


def _again(metrics: Sequence[Metric], place: int) -> list[Metric]:
    """Metrics that remove nothing, so that one table does for them, but for orders that hang on the removal."""
    return [one for one in metrics if place > 0 and not _removes(one) and not isinstance(one, AsksMethod)]


def _removes(metric: Metric) -> bool:
    return len(metric.plan(np.arange(2.0), 0)) > 0


def _known_rankings(output: OutputCase, scores: Mapping[str, FloatArray], plan: Plan) -> dict[str, list[FloatArray]]:
    """Scores that need no pass of the model; several for random."""
    count = output.case.count
    found = {name: [output.scores(values)] for name, values in scores.items()}
    if plan.draws:
        found[RANDOM] = random_scores(count, plan.draws, output.case.seed)
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
            for metric in metrics:
                wanted += [metric.plan(one, output.case.seed) for one in _judged(metric, values, output.case)]
            if plan.curves:
                for one in without_ties(values, output.case.seed):
                    wanted += curve_masks(one, plan.cuts)
    return output.whole(np.unique(np.concatenate(wanted), axis=0))


def _chance(metric: Metric, name: str, draws: Sequence[FloatArray], orders: int, case: Case) -> float | None:
    """What chance would do with a row's scores, where the metric reads more than their order."""
    if name == RANDOM or not isinstance(metric, ReadsSizes):
        return None
    return _mean(metric, [one for scores in draws for one in reordered_scores(scores, orders, case.seed)], case)


def _mean(metric: Metric, draws: Sequence[FloatArray], case: Case) -> float | None:
    values = np.array([metric.measure(one, case) for scores in draws for one in _judged(metric, scores, case)])
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def _judged(metric: Metric, scores: FloatArray, case: Case) -> list[FloatArray]:
    """What the metric looks at in place of these scores; its number is the mean over them."""
    return without_ties(scores, case.seed) if isinstance(metric, ReadsOrder) else [scores]


def _curve(
    name: str, worths: Worths, example: int, span: Span, draws: Sequence[FloatArray], case: Case, cuts: int | None
) -> Curve:
    orders = [one for scores in draws for one in without_ties(scores, case.seed)]
    both = np.mean([[case.worth(masks) for masks in curve_masks(scores, cuts)] for scores in orders], axis=0)
    return Curve(
        method=name,
        removal=str(worths.removal),
        example=example,
        span=span,
        cuts=tuple(int(cut) for cut in cut_points(case.count, cuts)),
        most_first=tuple(both[0].tolist()),
        least_first=tuple(both[1].tolist()),
    )
