"""`evaluate`: how faithful are these scores, and are they better than no method at all?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import PredictsSteps
from wherefrom.adapters.check import lacking
from wherefrom.adapters.given import adapter_of
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.evaluation.asking import compared_ids, evaluated_units, judged_scores, question_of
from wherefrom.evaluation.contract import Metric, ReadsSizes, as_metric
from wherefrom.evaluation.gold import Gold, gold_units
from wherefrom.evaluation.measuring import Plan, measure, planned_cost
from wherefrom.evaluation.orderings import ORDERINGS
from wherefrom.evaluation.records import (
    Agreement,
    Curve,
    Evaluation,
    Measurement,
    MetricFacts,
    check_distinct,
    numberless,
)
from wherefrom.evaluation.rescoring import Again, AsksMethod, again
from wherefrom.evaluation.worths import Span, Worths
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.removal import as_baseline
from wherefrom.methods.perturbation.units import Units, UnitsSetting
from wherefrom.progress import Progress, no_progress, reported
from wherefrom.questions.numbering import examples_named
from wherefrom.questions.question import Question
from wherefrom.results.aggregators.normalize import Normalize
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.contrasts import is_contrast
from wherefrom.results.direction import turned
from wherefrom.results.given import require_result, several_results
from wherefrom.results.partners import as_called, have_ids, matched
from wherefrom.results.provenance import library_versions
from wherefrom.settings import check_call, is_pair, non_default, nth_seed
from wherefrom.text.places import joined_text

FAITHFULNESS = ("abpc", "aopc_morf", "comprehensiveness", "sufficiency", "log_odds", "top_k_drop", "tau_loo")
"""Metrics without a wish for others."""

Results = Attribution | Attributions | Sequence[Attribution]
Outputs = Literal["step", "sequence"] | Sequence[Span]


def evaluate(
    results: Results | Mapping[str, Results],
    model: Any,
    metrics: Sequence[str | Metric | type[Metric]] = FAITHFULNESS,
    *,
    removals: Sequence[str | int] = ("delete", "unk"),
    units: UnitsSetting = "token",
    outputs: Outputs = "step",
    gold: Sequence[Gold | None] | None = None,
    draws: int = 10,
    extremes: bool = False,
    curves: bool = True,
    cuts: int | None = None,
    keep_special: bool = True,
    seed: int = 0,
    show_progress: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Hold scores against what the model does without the tokens they name.

    Beside every method stand orders that need none: random (the mean of some draws), recency (the last unit first),
    leave-one-out, and on request the best and the worst of all orders. All that is asked about an example shares one
    ablation table per way of removal, and every pass answers all its steps.

    Deleted text is not what models were trained on, and a metric flatters methods that remove tokens in its own way: so
    give at least two removals, and read them apart (``summary(evaluation, removal=...)``).

    Args:
        results: One or several methods' results for the same examples: by name, or one alone. Examples are paired by
            id, and left out where not all results have them; by place where they have no ids in common.
        model: What `load_model` returned, or an adapter.
        metrics: Names of `list_metrics`, classes or objects with settings.
        removals: Ways to take units away, see `wherefrom.methods.perturbation.removal`.
        units: What is removed and scored as one; scores of tokens are summed.
        outputs: ``"step"``: each step for itself, of a contrast those where the two tokens differ; ``"sequence"``: the
            log-probability of all steps together; or spans of target positions ``(start, end)``, end exclusive.
        gold: The text that matters in each example, for metrics that compare with it; see `wherefrom.evaluation.gold`.
            They are paired by id; by place, None where there is none, if annotations or examples have no ids.
        draws: Random orders per output; 0: none, so that nothing is compared with chance.
        extremes: Also the best and the worst order of all, for up to ten units (2^units passes).
        curves: Keep the perturbation curves, to be drawn.
        cuts: Points per kept curve; None: one per unit.
        keep_special: Special tokens and a chat template's own are never removed, so they are not ranked either. False:
            they are, end tokens too; a decoder's start token never is.
        seed: For random orders and masks, which are drawn anew for every output of every example.
        show_progress: Keep a line about progress on a terminal.
        progress: Called with (phase, done, total) instead.

    Returns:
        The measurements; `wherefrom.evaluation.summary` makes the table.

    Raises:
        InputError: Results of different texts or sides, no examples, merged tokens; a metric or a removal that is named
            twice, scores that are not numbers where they are ranked, or nothing that gold units could be compared with.
        ModelCapabilityError: The model gives no predictions.
    """
    check_call(evaluate, locals(), draws=0, cuts=1)
    asked = _asked(
        results,
        model,
        metrics,
        removals=removals,
        units=units,
        outputs=outputs,
        gold=gold,
        keep_special=keep_special,
        plan=Plan(metrics=(), draws=draws, extremes=extremes, curves=curves, cuts=cuts),
        seed=seed,
    )
    measurements: list[Measurement] = []
    drawn: list[Curve] = []
    agreements: list[Agreement] = []
    forwards = 0
    with reported(show_progress, progress) as tell:
        for done, one in enumerate(asked.inquiries, start=1):
            worths = asked.worths(one, tell)
            found = measure(
                worths,
                one.scores,
                one.spans,
                asked.plan,
                example=one.number,
                seed=one.seed,
                gold=one.gold,
                methods=one.methods,
            )
            measurements += found.measurements
            drawn += found.curves
            agreements += found.agreements
            forwards += sum(table.forwards for table in worths) + sum(asker.forwards for asker in one.methods.values())
            tell("evaluate", done, len(asked.inquiries))
    asking = [one.identifier for one in asked.plan.metrics if not one.needs_gold]
    return Evaluation(
        measurements=tuple(measurements),
        curves=tuple(drawn),
        agreements=tuple(agreements),
        metrics={
            one.identifier: MetricFacts(higher_is_better=one.higher_is_better, settings=non_default(one))
            for one in asked.plan.metrics
        },
        methods=asked.names,
        orderings=tuple(name for name in ORDERINGS if any(one.method == name for one in measurements)),
        texts=tuple(joined_text(example.target)[0] for example in asked.examples),
        ids=tuple(example.id for example in asked.examples),
        model=asked.adapter.card.name,
        removals=tuple(str(one) for one in removals),
        units=units if isinstance(units, str) else str(msgspec.to_builtins(units)),
        draws=draws,
        seed=seed,
        forwards=forwards,
        versions=dict(library_versions()),
        warnings=(
            *asked.warnings,
            *numberless(asking, asked.names, measurements),
        ),
    )


def evaluation_cost(
    results: Results | Mapping[str, Results],
    model: Any,
    metrics: Sequence[str | Metric | type[Metric]] = FAITHFULNESS,
    *,
    removals: Sequence[str | int] = ("delete", "unk"),
    units: UnitsSetting = "token",
    outputs: Outputs = "step",
    gold: Sequence[Gold | None] | None = None,
    draws: int = 10,
    extremes: bool = False,
    curves: bool = True,
    cuts: int | None = None,
    keep_special: bool = True,
    seed: int = 0,
) -> Cost:
    """A bound of the passes that `evaluate` runs with the same arguments. None is run for it."""
    check_call(evaluation_cost, locals(), draws=0, cuts=1)
    asked = _asked(
        results,
        model,
        metrics,
        removals=removals,
        units=units,
        outputs=outputs,
        gold=gold,
        keep_special=keep_special,
        plan=Plan(metrics=(), draws=draws, extremes=extremes, curves=curves, cuts=cuts),
        seed=seed,
    )
    total = Cost(forwards=0, at_most=True)
    for one in asked.inquiries:
        total += planned_cost(
            asked.worths(one, no_progress),
            one.scores,
            one.spans,
            asked.plan,
            seed=one.seed,
            gold=one.gold is not None,
            methods=one.methods,
        )
    return total


@frozen(kw_only=True, eq=False)
class _Inquiry:
    """What is asked about one example."""

    place: int
    """Among the examples that all results have, from 0."""
    number: int
    """Its place in the first results, from 0."""
    question: Question
    units: Units
    scores: dict[str, FloatArray]
    spans: list[Span]
    seed: int
    gold: BoolArray | None
    methods: dict[str, Again]


@frozen(kw_only=True, eq=False)
class _Asked:
    """All of it."""

    adapter: Any
    plan: Plan
    names: tuple[str, ...]
    removals: tuple[str | int, ...]
    examples: list[Attribution]
    """All of the first results, also those about which nothing can be asked."""
    inquiries: list[_Inquiry]
    warnings: tuple[str, ...]

    def worths(self, one: _Inquiry, progress: Progress) -> list[Worths]:
        """A table per way of removal."""
        return [Worths(self.adapter, one.question, one.units, removal, progress=progress) for removal in self.removals]


def _asked(
    results: Results | Mapping[str, Results],
    model: Any,
    metrics: Sequence[str | Metric | type[Metric]],
    *,
    removals: Sequence[str | int],
    units: UnitsSetting,
    outputs: Outputs,
    gold: Sequence[Gold | None] | None,
    keep_special: bool,
    plan: Plan,
    seed: int,
) -> _Asked:
    adapter: Any = adapter_of(model, alone=True)
    if not isinstance(adapter, PredictsSteps):
        raise lacking(adapter, PredictsSteps, "An evaluation")
    given = _named(results)
    every = next(iter(given.values()))
    named, numbers = _side_by_side(given)
    plan = evolve(plan, metrics=tuple(as_metric(one) for one in metrics))
    first = next(iter(named.values()))
    golds, unpaired = _of_each(gold, every)
    if not removals:
        raise InputError("removals is empty. Name at least one way to take units away, better two.")
    check_distinct("metric", [one.identifier for one in plan.metrics])
    check_distinct("removal", [str(as_baseline(one, name="removals")) for one in removals])
    without_gold = all(one is None for one in golds)
    blind = [one.identifier for one in plan.metrics if one.needs_gold and without_gold]
    if blind and len(blind) == len(plan.metrics):
        raise InputError(
            f"{', '.join(blind)}: these compare with gold units, and no example has any. Give gold=... "
            "(`--gold FILE`), or metrics that ask the model."
        )
    again_too = any(isinstance(one, AsksMethod) for one in plan.metrics)
    inquiries = []
    contrasts = [_contrast_of_all([one[index] for one in named.values()]) for index in range(len(first))]
    for index, (number, example) in enumerate(zip(numbers, first, strict=True)):
        beside = {name: _same_text(one[index], example, name, number) for name, one in named.items()}
        if not example.steps:
            continue
        question = question_of(
            adapter,
            example,
            keep_special=keep_special,
            include_eos_baseline=not keep_special,
            contrast_ids=contrasts[index],
        )
        members = evaluated_units(question, example, units)
        own = nth_seed(seed, number)
        inquiries.append(
            _Inquiry(
                place=index,
                number=number,
                question=question,
                units=members,
                scores={name: judged_scores(one, members) for name, one in beside.items()},
                spans=_spans(outputs, example, contrasts[index]),
                seed=own,
                gold=_gold(golds[number], example, members),
                methods={name: again(adapter, one, members, seed=own) for name, one in beside.items()}
                if again_too
                else {},
            )
        )
    if not inquiries:
        raise InputError(
            "No example has an explained step, so there is nothing to evaluate. Attribute with positions "
            "(attr_pos_start, attr_pos_end) that the targets have."
        )
    _require_ranks(plan, inquiries)
    return _Asked(
        adapter=adapter,
        plan=plan,
        names=tuple(named),
        removals=tuple(as_baseline(one, name="removals") for one in removals),
        examples=every,
        inquiries=inquiries,
        warnings=(
            *_alone(given, len(first)),
            *_left_out(numbers, first),
            *((f"No example has gold units, which these compare with: {', '.join(blind)}.",) if blind else ()),
            *unpaired,
            *_gold_remarks(plan, golds, inquiries),
            *_remarks(named, contrasts),
            *_undefined_remarks(inquiries),
            *_normalised_remarks(named, inquiries),
        ),
    )


def _alone(named: Mapping[str, Sequence[Attribution]], common: int) -> Iterator[str]:
    """How many examples not all results have."""
    alone = [f"{len(given) - common} of {name}" for name, given in named.items() if len(given) > common]
    if alone:
        yield f"Without a partner, and left out: {' and '.join(alone)}."


def _left_out(numbers: Sequence[int], examples: Sequence[Attribution]) -> Iterator[str]:
    """Which examples nothing can be asked about."""
    without = [number for number, one in zip(numbers, examples, strict=True) if not one.steps]
    if without:
        yield f"Left out, since none of their steps are explained: {examples_named(without)}."


def _contrast_of_all(results: Sequence[Attribution]) -> IntArray | None:
    """The tokens that the explained ones are compared with, where all contrasts of one text are the same; else None."""
    given = [ids for one in results if (ids := compared_ids(one)) is not None]
    return given[0] if given and all(np.array_equal(ids, given[0]) for ids in given) else None


def _remarks(named: Mapping[str, list[Attribution]], contrasts: Sequence[IntArray | None]) -> Iterator[str]:
    """What scores are held against, where it is not the log-probability that they speak of."""
    for name, given in named.items():
        functions = sorted({function for one in given if (function := turned(one))})
        if functions:
            yield (
                f"{name}: scores of {', '.join(functions)}, which falls where the model becomes surer, were turned: a "
                "positive one speaks for the token."
            )
        judged = [ids is not None and compared_ids(one) is not None for one, ids in zip(given, contrasts, strict=True)]
        if any(judged):
            yield (
                f"{name}: scores of a contrast are held against the probability of the token where only it and the "
                "token it is compared with may come."
            )
        if any(is_contrast(one) and not told for one, told in zip(given, judged, strict=True)):
            yield (
                f"{name}: scores of a contrast are held against the log-probability of the token alone, since the "
                "other one is read in another context (contrast_force_inputs=True), is another than that of the other "
                "results, or is not told (files of 0.1.0)."
            )
        if any(ids is not None and not is_contrast(one) for one, ids in zip(given, contrasts, strict=True)):
            yield (
                f"{name}: these scores are of no contrast, and are held against that of the others all the same. "
                "Evaluate them apart to judge them by the log-probability of the token alone."
            )


def _of_each(
    gold: Sequence[Gold | None] | None, examples: Sequence[Attribution]
) -> tuple[list[Gold | None], tuple[str, ...]]:
    """The annotation of each example, and what is said of pairs that were not found: by id; by place where one of the
    two has no ids, or examples are called by their places.

    Raises:
        InputError: One is no annotation, they have no ids in common, or they go by place and are not as many.
    """
    if gold is None:
        return [None] * len(examples), ()
    given = list(gold)
    for one in given:
        if one is not None and not isinstance(one, Gold):
            raise InputError(
                f"gold has {one!r:.80} where an annotation belongs. Give `Gold(text=..., spans=...)` or None."
            )
    own, theirs = [one.id for one in examples], [None if one is None else one.id for one in given]
    there = [place for place, one in enumerate(given) if one is not None]
    ids, called = as_called(own, theirs)
    if not have_ids(ids, [called[place] for place in there]):
        if len(given) != len(examples):
            raise InputError(
                f"gold has {len(given)} entries for {len(examples)} examples. They are paired by id, or by place where "
                "annotations or examples have none: give one per example, None for none."
            )
        return given, ()
    remarks = []
    pairs = {place: there[found] for place, found in matched(ids, [called[place] for place in there])}
    if not pairs:
        ids, called = as_called(own, [None] * len(given))
        pairs = dict(matched(ids, called)) if have_ids(ids, called) else {}
        remarks.append("No annotation has the id of an example. Examples are called by their places, and have theirs.")
    if not pairs:
        raise InputError(
            f"No annotation has the id of an example: the first ones are {_first_of(theirs)}, and the examples' "
            f"{_first_of(own)}. Give each annotation the id of its example; or leave the ids of annotations out, and "
            "give one per example, in their order, None for none."
        )
    if len(pairs) < len(examples):
        without = examples_named([place for place in range(len(examples)) if place not in pairs])
        remarks.append(f"No annotation has the id of {without}.")
    if len(pairs) < len(there):
        remarks.append(f"{len(there) - len(pairs)} of {len(there)} annotations are of no example that is judged.")
    return [given[pairs[place]] if place in pairs else None for place in range(len(examples))], tuple(remarks)


def _first_of(ids: Sequence[str | None]) -> str:
    named = [name for name in ids if name is not None]
    return ", ".join(map(repr, named[:3])) + (", ..." if len(named) > 3 else "")


def _gold_remarks(plan: Plan, golds: Sequence[Gold | None], inquiries: Sequence[_Inquiry]) -> tuple[str, ...]:
    """Which examples have gold spans that touch no unit.

    Raises:
        InputError: No example has any that do, and all metrics compare with them.
    """
    needing = [one.identifier for one in plan.metrics if one.needs_gold]
    missed = [one.number for one in inquiries if golds[one.number] is not None and one.gold is None]
    if not needing or not missed:
        return ()
    examples = "every example" if len(missed) == len(inquiries) else examples_named(missed)
    remark = f"{', '.join(needing)}: no number where gold spans touch no unit that is judged, in {examples}."
    if len(needing) == len(plan.metrics) and all(one.gold is None for one in inquiries):
        raise InputError(f"{remark} Give spans of letters before what is explained, or metrics that ask the model.")
    return (remark,)


def _require_ranks(plan: Plan, inquiries: Sequence[_Inquiry]) -> None:
    """Refuse scores that cannot be ranked where something ranks them, before anything is run.

    Raises:
        InputError: A score of an output is NaN, and a metric or the curves read an order.
    """
    ranking = [*(one.identifier for one in plan.metrics if _ranks(one)), *(["the curves"] if plan.curves else [])]
    for one in inquiries if ranking else ():
        steps = one.question.steps
        visible = one.units.visible(steps)
        for span in one.spans:
            inside = np.flatnonzero((steps >= span[0]) & (steps < span[1]))
            for name, scores in one.scores.items():
                wrong = np.isnan(scores[:, inside]) & visible[:, inside[:1]]
                if wrong.any():
                    step = one.question.step_named(int(inside[wrong.any(axis=0).argmax()]))
                    raise InputError(
                        f"{name}: some scores of {examples_named([one.number])} are not numbers, at {step} for one, so "
                        f"they have no order for {', '.join(ranking)}. Leave the example or those steps out, or give "
                        "metrics that add scores up, with curves=False."
                    )


def _ranks(metric: Metric) -> bool:
    """Does a metric read an order, which scores that are not numbers have not?"""
    if metric.needs_gold:
        return not isinstance(metric, ReadsSizes)
    try:
        metric.plan(np.array([np.nan, 1.0]), 0)
    except InputError:
        return True
    return False


def _undefined_remarks(inquiries: Sequence[_Inquiry]) -> Iterator[str]:
    """Whose scores are not all numbers: metrics that add them up leave their outputs out."""
    for name in inquiries[0].scores:
        if not all(np.isfinite(one.scores[name]).all() for one in inquiries):
            yield f"{name}: some scores are not finite; metrics that add scores up have no number for their outputs."


def _normalised_remarks(named: Mapping[str, list[Attribution]], inquiries: Sequence[_Inquiry]) -> Iterator[str]:
    """Whose steps are added up after each was brought to the same sum."""
    several = [one.place for one in inquiries if any(end - start > 1 for start, end in one.spans)]
    for name, given in named.items():
        stages = (stage.name for index in several for stage in given[index].aggregations)
        if Normalize.identifier in stages:
            yield (
                f"{name}: the scores of each step were normalised, and are added up over the steps of an output as if "
                "all steps hung on their inputs alike. Give the raw result, or aggregate with normalize=False."
            )


def _named(results: Results | Mapping[str, Results]) -> dict[str, list[Attribution]]:
    if not isinstance(results, Mapping):
        found = _examples(results)
        results = {found[0].method or "scores": found} if found else {}
    named = {name: _examples(given) for name, given in results.items()}
    if not named or not all(named.values()):
        raise InputError("There is nothing to evaluate: no results, or results without examples.")
    if clash := sorted(set(named) & set(ORDERINGS)):
        raise InputError(f"{clash[0]!r} is the name of an ordering that is added anyway. Name the results differently.")
    return named


def _side_by_side(named: Mapping[str, list[Attribution]]) -> tuple[dict[str, list[Attribution]], list[int]]:
    """The examples that all results have, in the order of the first, and their places there: by id; by place where they
    have none in common.

    Raises:
        InputError: They go by place, and are not as many.
    """
    sides = as_called(*([one.id for one in given] for given in named.values()))
    ids = dict(zip(named, sides, strict=True))
    first = sides[0]
    if have_ids(*sides):
        places = {name: dict(matched(first, own)) for name, own in ids.items()}
        common = [place for place in range(len(first)) if all(place in found for found in places.values())]
        if common:
            chosen = {name: [given[places[name][place]] for place in common] for name, given in named.items()}
            return chosen, common
    counts = {name: len(given) for name, given in named.items()}
    if len(set(counts.values())) > 1:
        raise InputError(
            f"Results of different numbers of examples: {counts}. They are paired by id, or by place where they have "
            "no ids in common: give the same examples for all methods."
        )
    return dict(named), list(range(len(first)))


def _examples(results: Results) -> list[Attribution]:
    if isinstance(results, Attribution):
        return [results]
    examples = list(several_results(results))
    for one in examples:
        require_result(one)
    return examples


def _same_text(one: Attribution, other: Attribution, name: str, number: int) -> Attribution:
    sides, others = one.scored_sides, other.scored_sides
    if not sides:
        raise InputError(f"The results called {name!r} have no scores of inputs, so there is nothing to judge.")
    if sides != others:
        raise InputError(
            f"The results called {name!r} have scores of the {' and the '.join(sides)}, the first ones of the "
            f"{' and the '.join(others)}. Make all with the same attribute_target, or evaluate them apart."
        )

    def key(result: Attribution) -> Any:
        sides = [[token.id for token in side] for side in (result.source, result.target)]
        return sides, result.attr_pos_start, result.attr_pos_end

    if key(one) != key(other):
        which = examples_named([number]) if other.id is None else f"the example {other.id!r}"
        called = f" and are called {one.id!r}" if one.id != other.id else ""
        raise InputError(
            f"The results called {name!r} explain other tokens or steps than the first ones in {which}"
            f"{called}. Results are paired by id, or by place where they have no ids in common."
        )
    return one


def _spans(outputs: Outputs, example: Attribution, contrast_ids: IntArray | None) -> list[Span]:
    """The outputs, as target positions. A step whose token is compared with itself is none of its own: nothing that is
    removed could change it."""
    start, end = example.attr_pos_start, example.attr_pos_end
    if isinstance(outputs, str) and outputs == "step":
        others: list[int] | list[None] = [None] * (end - start) if contrast_ids is None else contrast_ids.tolist()
        steps = range(start, end)
        found = [
            (step, step + 1) for step, other in zip(steps, others, strict=True) if example.target[step].id != other
        ]
        if not found:
            raise InputError(
                "The contrast has the same token as the answer at every explained step, so there is nothing between "
                "the two to judge. Explain the steps where they differ (attr_pos_start, attr_pos_end)."
            )
        return found
    if isinstance(outputs, str) and outputs == "sequence":
        return [(start, end)]
    spans = [] if isinstance(outputs, str) else list(outputs)
    if not spans or not all(map(is_pair, spans)):
        raise InputError(
            f"outputs = {outputs!r} is neither 'step' nor 'sequence' nor a list of at least one (start, end) span, "
            "whole numbers."
        )
    return [(int(a), int(b)) for a, b in spans]


def _gold(gold: Gold | None, example: Attribution, units: Units) -> BoolArray | None:
    if gold is None:
        return None
    found = gold_units(gold, example, units)
    return found if np.any(found) else None
