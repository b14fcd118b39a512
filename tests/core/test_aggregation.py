"""Names, chains and records of aggregators; the default aggregations against reference values."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError, UnknownNameError
from wherefrom.results.aggregation import AggregatorPipeline, build
from wherefrom.results.aggregators import (
    Normalize,
    Reduce,
    Scores,
    list_aggregation_functions,
    register_aggregation_function,
)
from wherefrom.results.attribution import Attribution
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Token

from tests.core import golden, made


def make(dimensions: tuple[str, ...] = ("width",), sizes: tuple[int, ...] = (3,), **changes: Any) -> Attribution:
    """Two source tokens, a target of four, the last three explained."""
    rng = np.random.default_rng(5)
    source = tuple(Token(id=i, piece=f"s{i}", text=f" s{i}", position=i) for i in range(2))
    target = tuple(Token(id=i, piece=f"t{i}", text=f" t{i}", position=i) for i in range(4))
    made = Attribution(
        source=source,
        target=target,
        attr_pos_start=1,
        attr_pos_end=4,
        source_attributions=rng.normal(size=(2, 3, *sizes)).astype(np.float32),
        target_attributions=rng.normal(size=(4, 3, *sizes)).astype(np.float32),
        dimensions=dimensions,
        method="made",
        default_aggregation=golden.VNORM if sizes else (),
    )
    hidden = made.target_visible.reshape(4, 3, *(1,) * len(sizes))
    return made.replace(target_attributions=np.where(hidden, made.target_attributions, 0).astype(np.float32), **changes)


def names(attribution: Attribution) -> list[str]:
    return [stage.name for stage in attribution.aggregations]


@pytest.mark.parametrize("case", golden.cases(".agg."), ids=lambda case: case["id"])
def test_default_aggregation_matches_the_reference(case: dict[str, Any]) -> None:
    for _, raw, arrays in golden.attributions(case):
        done = raw.aggregate()
        assert done.is_aggregated
        parts = [one for one in (raw.source_attributions, raw.target_attributions) if one is not None]
        extra = tuple(range(2, parts[0].ndim))
        # a column that is zero up to rounding has no shares worth comparing: the reference damps it, we do not
        told = np.max([np.abs(one).sum((0, *extra)) for one in parts], axis=0) > 1e-10
        for name in ("source_attributions", "target_attributions"):
            if f"agg.{name}" in arrays:
                expected = np.nan_to_num(arrays[f"agg.{name}"])
                np.testing.assert_allclose(getattr(done, name)[:, told], expected[:, told], atol=1e-4, rtol=0)
        for key in arrays:
            if key.startswith("agg.sequence_scores."):
                scores = done.sequence_scores[key.removeprefix("agg.sequence_scores.")]
                np.testing.assert_allclose(scores, np.nan_to_num(arrays[key]), atol=1e-4, rtol=0)


VARIANTS = [
    (case, variant)
    for case in golden.cases(".variant.")
    for variant in case["params"]["variants"]
    if not variant.startswith("pipe-")
]


@pytest.mark.parametrize("case, variant", VARIANTS, ids=lambda value: value if isinstance(value, str) else value["id"])
def test_each_aggregation_function_matches_the_reference(case: dict[str, Any], variant: str) -> None:
    settings = {
        key: value for key, value in case["params"]["variants"][variant].items() if key in ("normalize", "rescale")
    }
    for _, raw, arrays in golden.attributions(case):
        done = raw.aggregate(case["params"]["variants"][variant]["aggregator"], **settings)
        for name in ("source_attributions", "target_attributions"):
            if f"variant.{variant}.{name}" in arrays:
                expected = np.nan_to_num(arrays[f"variant.{variant}.{name}"])
                np.testing.assert_allclose(getattr(done, name), expected, atol=1e-4, rtol=0)


def test_a_function_name_stands_for_scores_and_each_stage_is_recorded() -> None:
    done = make().aggregate("vnorm")
    assert done.aggregations == (
        Stage(name="reduce", settings={"aggregate_fn": "vnorm", "dimension": "width"}),
        Stage(name="normalize"),
    )
    assert not done.signed
    assert done.dimensions == ()
    totals = np.abs(done.source_attributions).sum(0) + np.abs(done.target_attributions).sum(0)
    np.testing.assert_allclose(totals, 1, rtol=1e-5)


def test_aggregating_the_aggregated_changes_nothing() -> None:
    done = make().aggregate()
    assert done.aggregate() is done
    with pytest.raises(InputError, match="no dimension left"):
        done.aggregate("mean")


def test_recorded_stages_make_the_same_numbers_again() -> None:
    raw = make(("layer", "head"), (3, 4))
    done = raw.aggregate(["mean", "max"], select_idx=(0, 2), normalize=False)
    again = raw
    for stage in done.aggregations:
        again = build(stage.name, stage.settings)(again)
    np.testing.assert_array_equal(again.target_attributions, done.target_attributions)


def test_a_dimension_without_a_function_gets_the_default_one_of_its_own() -> None:
    stages = tuple(Stage(name="reduce", settings={"aggregate_fn": name}) for name in ("max", "min"))
    raw = make(("layer", "head"), (3, 4), default_aggregation=stages)
    assert raw.aggregate("reduce").aggregate("reduce") == raw.aggregate()
    assert raw.aggregate(["scores", "scores"], normalize=False) == raw.aggregate()
    first = raw.aggregate("reduce", dimension="layer")  # the second of the default's
    assert first.aggregations[0].settings == {"aggregate_fn": "min", "dimension": "layer"}
    np.testing.assert_array_equal(first.source_attributions, raw.source_attributions.min(axis=2))


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("stage", ["normalize", "rescale"])
def test_a_score_that_is_no_number_stays_and_the_others_are_scaled_without_it(stage: str, lost: float) -> None:
    raw = made.attribution(["a", " b"], ["<s>", " c", " d", " e"], 1)
    zero, damaged = raw.source_attributions.copy(), raw.source_attributions.copy()
    zero[1, 0], damaged[1, 0] = 0, lost
    expected = raw.replace(source_attributions=zero).aggregate(stage)
    done = raw.replace(source_attributions=damaged).aggregate(stage)
    np.testing.assert_array_equal(done.target_attributions, expected.target_attributions)
    np.testing.assert_array_equal(done.source_attributions[1, 0], lost)
    others = np.arange(expected.source_attributions.size) != 3
    assert expected.source_attributions.shape == (2, 3)
    np.testing.assert_array_equal(
        done.source_attributions.ravel()[others], expected.source_attributions.ravel()[others]
    )


def test_default_continues_where_a_user_stopped() -> None:
    raw = make(("layer", "head"), (3, 4), default_aggregation=golden.MEAN * 2)
    by_hand = raw.aggregate("mean")
    assert by_hand.dimensions == ("layer",)
    np.testing.assert_array_equal(by_hand.aggregate().target_attributions, raw.aggregate().target_attributions)


@pytest.mark.parametrize(
    "what, fn",
    [
        (["mean", "max"], None),
        (["scores", "scores"], ["mean", "max"]),
        ([("scores", "mean"), ("scores", "max")], None),
        (AggregatorPipeline(["scores", "scores"], ["mean", "max"]), None),
        ([Scores(aggregate_fn="mean"), Stage(name="scores", settings={"aggregate_fn": "max"})], None),
        ([Scores, "max"], ["mean", None]),
    ],
)
def test_spellings_of_one_chain(what: Any, fn: Any) -> None:
    raw = make(("layer", "head"), (3, 4))
    expected = Scores(aggregate_fn="max")(Scores(aggregate_fn="mean")(raw))
    done = raw.aggregate(what, fn)
    assert done.aggregations == expected.aggregations
    np.testing.assert_array_equal(done.target_attributions, expected.target_attributions)


@pytest.mark.parametrize(
    "select, expected",
    [(1, [1]), (-1, [3]), ((1, 3), [1, 2]), ([0, -1], [0, 3]), ("2:", [2, 3]), (slice(None, 2), [0, 1])],
)
def test_selection(select: Any, expected: list[int]) -> None:
    raw = make(("head",), (4,))
    done = raw.aggregate("sum", select_idx=select, normalize=False)
    np.testing.assert_allclose(done.source_attributions, raw.source_attributions[..., expected].sum(-1), rtol=1e-5)


@pytest.mark.parametrize(
    "select", [4, -5, [0, 0], [1, -3], (2, 2), (0, 9), [], "x:y", (0.5, 2.7), (True, 3), [True, 2], ("0", "2")]
)
def test_impossible_selections_are_refused(select: Any) -> None:
    with pytest.raises(SettingsError, match="select_idx"):
        make(("head",), (4,)).aggregate("mean", select_idx=select)


def test_a_dimension_is_removed_by_name() -> None:
    raw = make(("layer", "head"), (3, 4))
    done = raw.aggregate("mean", dimension="layer", normalize=False)
    assert done.dimensions == ("head",)
    np.testing.assert_allclose(done.source_attributions, raw.source_attributions.mean(2), rtol=1e-5)


def test_rescale_and_normalize_are_separate_stages() -> None:
    done = make().aggregate("sum", rescale=True)
    assert names(done) == ["reduce", "rescale"]
    assert max(np.abs(done.source_attributions).max(), np.abs(done.target_attributions).max()) == 1
    with pytest.raises(SettingsError, match="exclude each other"):
        make().aggregate("sum", rescale=True, normalize=True)
    assert names(Normalize()(make().aggregate("sum"))) == ["reduce", "normalize"]


def test_settings_reach_only_those_who_declare_them() -> None:
    raw = make()
    with pytest.raises(SettingsError, match=r"no setting 'normalise'.*Did you mean 'normalize'\?"):
        raw.aggregate("vnorm", normalise=False)
    with pytest.raises(UnknownNameError, match=r"'vnrom'.*Did you mean 'vnorm'\?"):
        raw.aggregate("vnrom")
    with pytest.raises(UnknownNameError, match="aggregation function"):
        Reduce(aggregate_fn="average")
    with pytest.raises(SettingsError, match="2 aggregation functions for 1"):
        raw.aggregate(["scores"], ["mean", "max"])
    assert names(raw.aggregate(["scores", "normalize"], "sum", normalize=False)) == ["reduce", "normalize"]


def test_absent_cells_stay_zero_and_a_user_function_is_found() -> None:
    def halved_sum(values: Any, axis: int, where: Any) -> Any:
        return values.sum(axis=axis) / 2 + 1

    register_aggregation_function(halved_sum, "halved_sum_for_tests", overwrite=True)
    raw = make()
    done = raw.aggregate("halved_sum_for_tests", normalize=False)
    assert (done.target_attributions[~raw.target_visible] == 0).all()
    np.testing.assert_allclose(done.source_attributions, raw.source_attributions.sum(-1) / 2 + 1, rtol=1e-6)


def test_small_scores_survive_the_norm() -> None:
    raw = make()
    tiny = raw.replace(source_attributions=raw.source_attributions * np.float32(1e-25))
    done = tiny.aggregate("vnorm", normalize=False)
    expected = np.linalg.norm(raw.source_attributions.astype(np.float64), axis=-1) * 1e-25
    np.testing.assert_allclose(done.source_attributions, expected, rtol=1e-5)


def test_attributions_aggregate_without_touching_the_raw_result() -> None:
    raw = make()
    before = raw.target_attributions.copy()
    raw.aggregate("sum")
    np.testing.assert_array_equal(raw.target_attributions, before)
    assert raw.aggregations == ()


def test_a_function_is_recorded_by_its_name() -> None:
    raw = made.attribution(None, ["a", " b", " c"], 1, sizes=(3,))
    done = raw.aggregate("scores", aggregate_fn=np.sum)
    assert done == raw.aggregate("scores", aggregate_fn=np.sum)
    assert done.aggregations[0].settings["aggregate_fn"] == "numpy.sum"
    np.testing.assert_allclose(done.target_attributions, raw.aggregate("sum").target_attributions)


def _of(number: float) -> Any:
    return lambda values, axis: np.quantile(values, number, axis=axis)


class _Quantile:
    def __init__(self, number: float) -> None:
        self.number = number

    def of(self, values: Any, axis: int) -> Any:
        return np.quantile(values, self.number, axis=axis)


@pytest.mark.parametrize(
    "largest, smallest",
    [
        (lambda values, axis: values.max(axis=axis), lambda values, axis: values.min(axis=axis)),
        (partial(np.quantile, q=1.0), partial(np.quantile, q=0.0)),
        (_of(1.0), _of(0.0)),
        (_Quantile(1.0).of, _Quantile(0.0).of),
    ],
    ids=["lambda", "partial", "closure", "method"],
)
def test_each_of_two_functions_of_one_name_is_called_and_recorded(largest: Any, smallest: Any) -> None:
    raw = made.attribution(None, ["a", " b", " c"], 1, sizes=(2, 3))
    done = raw.aggregate([largest, smallest], normalize=False)
    expected = raw.aggregate(["max", "min"], normalize=False)
    np.testing.assert_allclose(done.target_attributions, expected.target_attributions)
    again = raw.aggregate(list(done.aggregations))  # by the names that were recorded
    np.testing.assert_allclose(again.target_attributions, expected.target_attributions)


def test_a_function_that_is_made_again_and_again_keeps_its_name() -> None:
    raw = made.attribution(None, ["a", " b", " c"], 1, sizes=(3,))
    assert raw.aggregate(_of(0.5)) == raw.aggregate(_of(0.5)) != raw.aggregate(_of(0.25))
    before = list_aggregation_functions()
    for _ in range(3):
        raw.aggregate(_of(0.5))
        raw.aggregate(partial(np.quantile, q=0.75))
    assert len(list_aggregation_functions()) <= len(before) + 1


def _told_or_not(values: Any, axis: int, where: Any = None) -> Any:
    return np.sum(values, axis=axis, where=where)


@pytest.mark.parametrize(
    "function, name",
    [(np.mean, "mean"), (np.min, "min"), (np.max, "max"), (np.sum, "sum"), (np.prod, "prod"), (_told_or_not, "sum")],
)
def test_cells_that_do_not_exist_count_for_no_function(function: Any, name: str) -> None:
    raw = made.attribution(None, ["a", " b", " c", " d", " e"], 2)
    for shift in (-5.0, 5.0):  # so that a 0 would be the largest, or the smallest
        one = raw.replace(target_attributions=np.where(raw.target_visible, raw.target_attributions + shift, 0))
        done = one.aggregate("spans", target_spans=[(1, 4)], aggregate_fn=function)
        expected = one.aggregate("spans", target_spans=[(1, 4)], aggregate_fn=name)
        np.testing.assert_allclose(done.target_attributions, expected.target_attributions)


@pytest.mark.parametrize("aggregator", ["spans", "slices"])
@pytest.mark.parametrize(
    "spans", [np.array([[1, 3]]), np.array([1, 3]), [np.array([1, 3])], (np.int64(1), 3), [(1, 3)]]
)
def test_spans_are_recorded_as_given_whatever_holds_them(aggregator: str, spans: Any) -> None:
    raw = made.attribution(None, ["a", " b", " c", " d"], 2)
    done = raw.aggregate(aggregator, target_spans=spans)
    assert done == raw.aggregate(aggregator, target_spans=[(1, 3)])
    assert done.aggregations[-1].settings["target_spans"] == [[1, 3]]


def test_a_function_that_asks_for_no_cells_gets_those_that_exist() -> None:
    raw = made.attribution(None, ["a", " b", " c", " d"], 2)
    one = raw.replace(target_attributions=np.where(raw.target_visible, 1.0, 0))
    done = one.aggregate("spans", target_spans=[(1, 3)], aggregate_fn=np.median)
    assert done.target_attributions[1].tolist() == [1, 1]


def test_what_is_no_function_is_an_error_that_says_what_to_do() -> None:
    raw = made.attribution(None, ["a", " b", " c"], 1, sizes=(3,))
    with pytest.raises(SettingsError, match="expected str"):
        raw.aggregate("scores", aggregate_fn=3)


WRONG_SHAPES: dict[str, Any] = {
    "one number for all": lambda values, axis: np.mean(values),
    "none": lambda values, axis: None,
    "keeps the axis": lambda values, axis: np.mean(values, axis=axis, keepdims=True),
    "removes nothing": np.cumsum,
    "no numbers": lambda values, axis: np.full(np.delete(values.shape, axis), "x"),
    "told which cells exist": lambda values, axis, where: np.sum(values, where=where),
}


@pytest.mark.parametrize("function", WRONG_SHAPES.values(), ids=list(WRONG_SHAPES))
def test_a_function_that_does_not_give_one_number_each_is_named(function: Any) -> None:
    for change in (
        lambda: make().aggregate(function),
        lambda: make((), ()).aggregate("spans", function, target_spans=[(1, 3)]),
        lambda: make((), ()).aggregate("spans", function, source_spans=[(0, 2)]),
    ):
        with pytest.raises(SettingsError, match=r"The aggregation function .* where an array of shape \("):
            change()


def test_a_registered_function_of_another_shape_is_named() -> None:
    register_aggregation_function(lambda values, axis, where: values, "made_whole", overwrite=True)
    with pytest.raises(SettingsError, match="'made_whole' gave an array of shape"):
        make().aggregate("made_whole")


def test_the_norm_of_endless_scores_is_endless() -> None:
    raw = make((), ())
    for endless in (np.inf, -np.inf):
        raw = raw.replace(source_attributions=np.array([[endless] * 3, [1.0, endless, 0.0]]))
        done = raw.aggregate("spans", "vnorm", source_spans=(0, 2))
        assert done.source_attributions.tolist() == [[np.inf] * 3]
    raw = raw.replace(source_attributions=np.array([[np.inf] * 3, [np.nan] * 3]))
    assert np.isnan(raw.aggregate("spans", "vnorm", source_spans=(0, 2)).source_attributions).all()


@pytest.mark.parametrize("dtype, factor", [("int64", 3), ("float16", 30_000), ("float32", 2e38), ("float64", 3)])
def test_scores_of_any_type_are_scaled_as_such(dtype: str, factor: float) -> None:
    """Whole numbers are not cut, and no sum or product is beyond the type."""
    plain = made.attribution(None, ["a", " b", " c", " d", " e"], 2)
    whole = np.where(plain.target_visible, np.arange(1.0, 16).reshape(5, 3) % 3 / 2, 0)
    if dtype == "int64":
        whole = whole * 2
    plain, typed = (
        plain.replace(target_attributions=scores, step_scores={"half": np.full(3, 0.5)})
        for scores in (whole * factor, (whole * factor).astype(dtype))
    )
    for change in (
        lambda one: one.aggregate("normalize"),
        lambda one: one.aggregate("rescale"),
        lambda one: one.aggregate("against_other_steps"),
        lambda one: one.weight_attributions("half"),
    ):
        done = change(typed).target_attributions
        assert done.dtype.kind == "f"
        np.testing.assert_allclose(
            done.astype(np.float64), change(plain).target_attributions, rtol=2e-3, atol=2e-4, err_msg=dtype
        )
    if dtype != "float32":  # of which the sum is beyond the type
        twice = typed.aggregate("pair", paired_attr=typed, combine="sum")
        np.testing.assert_allclose(twice.target_attributions, 2 * plain.target_attributions, rtol=1e-3)


@pytest.mark.parametrize("change", [lambda one: one.trace(" e"), lambda one: one.aggregate("against_other_steps")])
def test_hops_are_no_steps(change: Any) -> None:
    plain = made.attribution(None, ["a", " b", " c", " d", " e"], 2)
    traced = plain.replace(target_attributions=np.abs(plain.target_attributions)).trace(" e", hops=1)
    with pytest.raises(InputError, match=r"trace.* hops"):
        change(traced)
