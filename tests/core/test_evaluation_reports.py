"""Mean curves, and how stable an order of methods is, on evaluations written by hand."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from wherefrom.evaluation import Curve, Evaluation, Measurement, mean_curves, ranking, split_halves, summary
from wherefrom.evaluation.records import MetricFacts
from wherefrom.evaluation.statistics import permutation_p
from wherefrom.results.multiple_tests import holm


def curve(method: str, example: int, cuts: tuple[int, ...], most: tuple[float, ...]) -> Curve:
    return Curve(
        method=method,
        removal="delete",
        example=example,
        span=(1, 2),
        cuts=cuts,
        most_first=most,
        least_first=tuple(value / 2 for value in most),
    )


def test_curves_of_inputs_of_other_lengths_are_averaged_over_shares() -> None:
    found = mean_curves(
        Evaluation(
            measurements=(),
            methods=("a",),
            curves=(curve("a", 0, (0, 1, 2), (-1.0, -3.0, -5.0)), curve("a", 1, (0, 4), (0.0, -8.0))),
        ),
        points=3,
    )
    assert [(one.method, one.removal, one.examples) for one in found] == [("a", "delete", 2)]
    assert found[0].shares == (0.0, 0.5, 1.0)
    assert found[0].most_first == (0.0, (-2.0 - 4.0) / 2, (-4.0 - 8.0) / 2)
    assert found[0].least_first == (0.0, (-1.0 - 2.0) / 2, (-2.0 - 4.0) / 2)


def evaluation(table: dict[str, list[float]], *, higher: bool = True) -> Evaluation:
    return Evaluation(
        measurements=tuple(
            Measurement(method=method, metric="abpc", removal="delete", example=example, span=(1, 2), value=value)
            for method, values in table.items()
            for example, value in enumerate(values)
        ),
        metrics={"abpc": MetricFacts(higher_is_better=higher)},
        methods=tuple(table),
        removals=("delete",),
    )


def test_files_of_which_only_some_measurements_know_their_chance_are_judged_whole() -> None:
    """As those are that an older version began: random orders stand in where nothing else is known."""
    made = evaluation({"a": [1.0, 2.0, 3.0, 4.0], "random": [0.5] * 4})
    with_chance = tuple(
        msgspec.structs.replace(one, chance=0.25) if one.method == "a" and one.example > 1 else one
        for one in made.measurements
    )
    (line, _) = summary(msgspec.structs.replace(made, measurements=with_chance))
    assert line.count == 4
    assert line.over_random == pytest.approx((0.5 + 1.5 + 2.75 + 3.75) / 4)


def test_orders_that_need_no_method_do_not_change_what_is_said_of_methods() -> None:
    rng = np.random.default_rng(2)
    table = {name: (rng.normal(size=7) + base).tolist() for name, base in (("a", 1.0), ("b", 0.6), ("random", 0.0))}
    methods = evaluation(table)
    methods = msgspec.structs.replace(methods, methods=("a", "b"), orderings=("random",))
    more = {name: (rng.normal(size=7) + 3).tolist() for name in ("recency", "leave-one-out", "best", "worst")}
    told = []
    for orderings in ((), ("recency", "leave-one-out"), ("recency", "leave-one-out", "best", "worst")):
        made = msgspec.structs.replace(
            methods,
            measurements=(*methods.measurements, *evaluation({name: more[name] for name in orderings}).measurements),
            orderings=("random", *orderings),
        )
        told.append({line.method: line.p for line in summary(made)})
    for wider, fewer in itertools.pairwise(reversed(told)):
        assert fewer == {name: wider[name] for name in fewer}
    chance = [permutation_p(np.array(table[name]) - np.array(table["random"])) for name in ("a", "b")]
    assert [told[0]["a"], told[0]["b"]] == pytest.approx(holm(np.array(chance)).tolist())


def test_methods_that_always_differ_are_ranked_alike_by_any_half() -> None:
    noise = np.random.default_rng(0).normal(scale=0.1, size=12)
    table = {name: (base + noise).tolist() for name, base in (("a", 3.0), ("b", 2.0), ("c", 1.0))}
    found = split_halves(evaluation(table), "abpc")
    assert (found.mean, found.low, found.same_best) == pytest.approx((1.0, 1.0, 1.0))
    assert (found.examples, found.methods) == (12, 3)


def test_methods_that_differ_by_chance_are_not() -> None:
    rng = np.random.default_rng(1)
    table = {name: rng.normal(size=40).tolist() for name in "abcdef"}
    found = split_halves(evaluation(table), "abpc")
    assert found.mean is not None
    assert found.mean < 0.4
    assert found.same_best is not None
    assert found.same_best < 0.6


def test_too_few_examples_say_nothing() -> None:
    assert split_halves(evaluation({"a": [1.0] * 3, "b": [2.0] * 3, "c": [3.0] * 3}), "abpc").mean is None


def test_a_method_without_a_number_somewhere_takes_no_part() -> None:
    table = {"a": [1.0] * 6, "b": [2.0] * 6, "c": [3.0] * 6, "d": [9.0] * 5}
    assert split_halves(evaluation(table), "abpc").methods == 3


def missing(found: Evaluation, method: str, example: int) -> Evaluation:
    """The evaluation without one number."""
    kept = tuple(one for one in found.measurements if (one.method, one.example) != (method, example))
    return msgspec.structs.replace(found, measurements=kept)


def test_methods_are_compared_on_the_same_examples_or_not_at_all() -> None:
    """Examples differ far more than methods do, and every method lacks another one: as many, but not the same."""
    hard = np.random.default_rng(0).normal(scale=50.0, size=8)
    found = evaluation({name: (hard + base).tolist() for name, base in zip("abc", range(3), strict=True)})
    assert split_halves(found, "abpc").mean == pytest.approx(1.0)
    for example, method in enumerate("abc"):
        found = missing(found, method, example)
    lacking = split_halves(found, "abpc")
    assert (lacking.mean, lacking.same_best, lacking.examples, lacking.methods) == (None, None, 8, 0)


def test_steps_of_one_example_are_no_examples() -> None:
    table = {name: [base, base + 1, base, base + 1] for name, base in (("a", 3.0), ("b", 2.0), ("c", 1.0))}
    made = evaluation(table)
    alone = tuple(
        msgspec.structs.replace(one, example=0, span=(one.example, one.example + 1)) for one in made.measurements
    )
    found = split_halves(msgspec.structs.replace(made, measurements=alone), "abpc")
    assert (found.mean, found.low, found.same_best, found.examples) == (None, None, None, 1)
    assert split_halves(made, "abpc").mean == pytest.approx(1.0)


def test_what_a_method_is_over_random_is_of_the_outputs_where_it_has_a_number() -> None:
    """Random orders are better at the steps and the removal where the method is undefined."""
    outputs = [(example, step, removal) for example in range(2) for step in (1, 2) for removal in ("delete", "unk")]
    known = {(0, 1, "delete"): 3.0, (0, 2, "unk"): 4.0, (1, 1, "unk"): 5.0}
    measurements = [
        Measurement(method=method, metric="abpc", removal=removal, example=example, span=(step, step + 1), value=value)
        for example, step, removal in outputs
        for method, value in (
            ("a", known.get((example, step, removal))),
            ("random", 1.0 if (example, step, removal) in known else 100.0),
        )
    ]
    made = evaluation({"a": []})
    made = msgspec.structs.replace(made, measurements=tuple(measurements), removals=("delete", "unk"))
    line = next(one for one in summary(made) if one.method == "a")
    assert line.over_random == pytest.approx(((2.0 + 3.0) / 2 + 4.0) / 2)
    line = next(one for one in summary(made, removal="unk") if one.method == "a")
    assert line.over_random == pytest.approx((3.0 + 4.0) / 2)


@pytest.mark.parametrize("higher", [True, False])
def test_a_ranking_is_of_methods(higher: bool) -> None:
    made = evaluation({"a": [1.0, 2.0], "b": [3.0, 2.0], "random": [9.0, 9.0]}, higher=higher)
    made = msgspec.structs.replace(made, methods=("a", "b"), orderings=("random",))
    assert ranking(made, "abpc") == (["b", "a"] if higher else ["a", "b"])


@pytest.mark.parametrize("higher", [True, False])
def test_the_best_follows_the_metric_s_good_side(higher: bool) -> None:
    """``a`` and ``b`` swap places at the top from example to example; ``c`` is always last, or always first."""
    table = {"a": [9.0, 1.0] * 3, "b": [1.0, 9.0] * 3, "c": [0.0] * 6}
    found = split_halves(evaluation(table, higher=higher), "abpc")
    assert found.same_best is not None
    assert (found.same_best == 1.0) == (not higher)
