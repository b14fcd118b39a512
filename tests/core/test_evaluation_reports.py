"""Mean curves, and how stable an order of methods is, on evaluations written by hand."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from wherefrom.evaluation import Curve, Evaluation, Measurement, mean_curves, split_halves, summary
from wherefrom.evaluation.records import MetricFacts


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


@pytest.mark.parametrize("higher", [True, False])
def test_the_best_follows_the_metric_s_good_side(higher: bool) -> None:
    """``a`` and ``b`` swap places at the top from example to example; ``c`` is always last, or always first."""
    table = {"a": [9.0, 1.0] * 3, "b": [1.0, 9.0] * 3, "c": [0.0] * 6}
    found = split_halves(evaluation(table, higher=higher), "abpc")
    assert found.same_best is not None
    assert (found.same_best == 1.0) == (not higher)
