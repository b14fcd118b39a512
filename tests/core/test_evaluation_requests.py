"""What an evaluation refuses, and what it says of metrics that give no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from wherefrom.adapters import PredictsSteps, SequenceModel
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, ModelCapabilityError, SettingsError, WherefromWarning
from wherefrom.evaluation import (
    Evaluation,
    Gold,
    coalition_game,
    evaluate,
    evaluation_cost,
    summary,
    with_measurements,
)
from wherefrom.evaluation.top_k_drop import TopKDrop
from wherefrom.methods import Occlusion
from wherefrom.results.attribution import Attributions
from wherefrom.testing import counting, linear_model, only
from wherefrom_viz.describe.evaluation import describe_evaluation

PROMPT = "the cat saw a dog"


@pytest.fixture(scope="module")
def model() -> AttributionModel:
    return AttributionModel(linear_model())


@pytest.fixture(scope="module")
def result(model: AttributionModel) -> Attributions:
    return model.attribute(PROMPT, f"{PROMPT} and the", method="occlusion", show_progress=False)


def found(
    given: object, model: AttributionModel, *metrics: object, gold: list[Gold | None] | None = None
) -> Evaluation:
    return evaluate(given, model, metrics, removals=("unk",), gold=gold, draws=2, curves=False)  # type: ignore[arg-type]


def values(made: Evaluation) -> list[float | None]:
    return [one.value for one in made.measurements if one.method == "occlusion"]


@pytest.mark.parametrize(
    "metrics, removals, twice",
    [
        ((TopKDrop(k=1), TopKDrop(k=5)), ("unk",), "metric 'top_k_drop'"),
        (("abpc", "mrr", "abpc"), ("unk",), "metric 'abpc'"),
        (("abpc",), ("unk", "delete", "unk"), "removal 'unk'"),
    ],
)
def test_what_is_named_twice_is_refused(
    model: AttributionModel, result: Attributions, metrics: tuple[object, ...], removals: tuple[str, ...], twice: str
) -> None:
    for ask in (evaluate, evaluation_cost):
        with pytest.raises(InputError, match=f"The {twice} is there twice"):
            ask(result, model, metrics, removals=removals)  # type: ignore[operator]


def test_scores_that_cannot_be_ranked_are_refused_by_name_before_anything_is_run() -> None:
    counted, tally = counting(linear_model())
    model = AttributionModel(counted)
    good, bad = model.attribute([PROMPT] * 2, [f"{PROMPT} and the"] * 2, method="occlusion", show_progress=False)
    scores = np.array(bad.target_attributions)
    scores[1, 1] = np.nan
    given = {"fine": [good, good], "odd one": [good, bad.replace(target_attributions=scores)]}
    before = tally.forward_rows
    for metrics, curves, ranking in (
        (("dot_product", "abpc"), False, "abpc"),
        (("mrr", "lds"), False, "mrr"),
        (("lds",), True, "the curves"),
    ):
        for ask in (evaluate, evaluation_cost):
            with pytest.raises(InputError, match=rf"odd one: some scores of example 2 are .*step 7 .* for {ranking}\."):
                ask(given, model, metrics, gold=[Gold(text=PROMPT, spans=((4, 7),))] * 2, curves=curves)  # type: ignore[operator]
    assert tally.forward_rows == before
    unseen = np.array(bad.target_attributions)
    unseen[-1, 0] = np.nan  # no step looks at what comes after it
    evaluate([good, bad.replace(target_attributions=unseen)], model, ["abpc"], removals=("unk",), draws=1)
    left = evaluate(given, model, ["dot_product", "lds"], removals=("unk",), curves=False, draws=1)
    assert any(note.startswith("odd one: some scores are not finite") for note in left.warnings)


def test_orders_that_hang_on_the_removal_are_judged_by_each_with_any_metric(
    model: AttributionModel, result: Attributions
) -> None:
    """Also by metrics that remove nothing."""
    metrics, gold = ("mrr", "dot_product", "infidelity", "abpc"), [Gold(text=PROMPT, spans=((4, 7),))]
    asked: dict[str, Any] = {"gold": gold, "draws": 2, "extremes": True, "curves": False, "show_progress": False}
    both = evaluate(result, model, metrics, removals=("unk", "delete"), **asked)
    assert both.forwards <= evaluation_cost(
        result, model, metrics, removals=("unk", "delete"), gold=gold, draws=2, extremes=True, curves=False
    ).forwards  # fmt: skip
    seen = {}
    for removal in both.removals:
        alone = evaluate(result, model, metrics, removals=(removal,), **asked)
        for method in ("leave-one-out", "best", "worst", "random", "occlusion"):
            for metric in metrics:
                place = removal if method in ("leave-one-out", "best", "worst") or metric == "abpc" else ""
                seen[removal, method, metric], expected = (
                    [
                        (one.span, one.value, one.chance)
                        for one in made.measurements
                        if (one.method, one.metric, one.removal) == (method, metric, place)
                    ]
                    for made in (both, alone)
                )
                assert seen[removal, method, metric] == expected, (removal, method, metric)
                assert expected
        lines = {(one.method, one.metric): one for one in summary(both, removal=removal)}
        singly = {(one.method, one.metric): one for one in summary(alone)}
        for name in (("leave-one-out", "mrr"), ("best", "mrr"), ("occlusion", "mrr")):
            assert (lines[name].mean, lines[name].over_random) == (singly[name].mean, singly[name].over_random)
        assert lines["leave-one-out", "mrr"].removal == removal
        assert lines["occlusion", "mrr"].removal == ""
    assert seen["unk", "leave-one-out", "mrr"] != seen["delete", "leave-one-out", "mrr"]
    shown = describe_evaluation(both)
    assert [(one.removal, [column.name for column in one.columns]) for one in shown.tables] == [
        ("unk", ["abpc"]),
        ("delete", ["abpc"]),
        ("", ["mrr", "dot_product", "infidelity"]),
    ]


@pytest.mark.parametrize(
    "removal, says",
    [
        ("foo", " = 'foo' is not known"),
        (10**6, " = 1000000 is no token id"),
        ("hidden", r" = 'hidden' needs a model .* Use a token \({} = 'unk'"),
        ("zero", r" = 'zero' needs a model .* Use a token \({} = 'unk'"),
    ],
)
def test_what_is_wrong_with_a_removal_is_said_in_the_word_it_was_given_under(
    result: Attributions, removal: object, says: str
) -> None:
    model = AttributionModel(only(linear_model(), SequenceModel, PredictsSteps))
    doors = {
        "removals": lambda: evaluate(result, model, ("abpc",), removals=(removal,)),  # type: ignore[arg-type]
        "removal": lambda: coalition_game(result[0], model, removal=removal),  # type: ignore[arg-type]
        "baseline": lambda: model.attribute(
            PROMPT, f"{PROMPT} and", method=Occlusion(baseline=removal), show_progress=False
        ),
    }
    for name, ask in doors.items():
        with pytest.raises((SettingsError, ModelCapabilityError), match=f"\\b{name}{says.format(name)}"):
            ask()


def test_results_of_other_sides_are_refused_in_either_order() -> None:
    model = AttributionModel(linear_model("encoder-decoder"))
    both, source = (
        model.attribute(PROMPT, "a dog saw", method=method, attribute_target=target, show_progress=False)
        for method, target in (("occlusion", True), ("saliency", False))
    )
    with pytest.raises(InputError, match="'b' have scores of the source, the first ones of the source and the target"):
        found({"a": both, "b": source}, model, "abpc")
    with pytest.raises(InputError, match="'a' have scores of the source and the target, the first ones of the source"):
        found({"b": source, "a": both}, model, "abpc")
    assert found({"b": source, "c": source}, model, "abpc").measurements


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_results_without_scores_are_refused_as_such(kind: str) -> None:
    model = AttributionModel(linear_model(kind))  # type: ignore[arg-type]
    target = f"{PROMPT} and" if kind == "decoder-only" else "a dog"
    nothing = model.attribute(PROMPT, target, method="dummy", show_progress=False)
    with pytest.raises(InputError, match="'dummy' have no scores of inputs"):
        found(nothing, model, "abpc")


def test_annotations_are_those_of_the_examples_that_have_their_ids(
    model: AttributionModel, result: Attributions
) -> None:
    """One text twice, with other spans: a run has its examples in another order than the data."""
    (one,) = result
    named = [one.replace(id=name) for name in ("b", "a")]
    of = {
        name: Gold(text=PROMPT, spans=spans, id=name)
        for name, spans in (("a", ((0, 3),)), ("b", ((4, 7),)), ("c", ((8, 11),)))
    }
    expected = values(found(named, model, "mrr", gold=[of["b"], of["a"]]))
    assert expected[: len(expected) // 2] != expected[len(expected) // 2 :]
    assert values(found(named, model, "mrr", gold=[of["a"], of["b"]])) == expected
    more = found(named, model, "mrr", gold=[of["c"], of["a"], of["b"]])
    assert values(more) == expected
    assert more.warnings == ("1 of 3 annotations are of no example that is judged.",)
    fewer = found(named, model, "mrr", gold=[of["a"]])
    assert values(fewer) == expected[len(expected) // 2 :]
    assert fewer.warnings == ("No annotation has the id of example 1.",)
    places = [one.replace(id="1"), one.replace(id="0")]  # as a run calls examples without names
    unnamed = [Gold(text=PROMPT, spans=of[name].spans) for name in ("a", "b")]
    assert values(found(places, model, "mrr", gold=unnamed)) == expected
    assert values(found(places, model, "mrr", gold=[None, unnamed[1]])) == expected[: len(expected) // 2]
    partly = found([one, named[1]], model, "mrr", gold=[of["b"], of["a"]])
    assert values(partly) == expected[len(expected) // 2 :]
    assert partly.warnings[0] == "No annotation has the id of example 1."
    plain = [one, one]
    by_place = found(plain, model, "mrr", gold=[of["b"], of["a"]])
    assert values(by_place) == expected
    with pytest.raises(InputError, match=r"3 entries for 2 examples\. They are paired by id, or by place"):
        found(plain, model, "mrr", gold=[*of.values()])


def test_annotations_of_other_ids_are_those_of_the_places_in_the_data_or_of_none(
    model: AttributionModel, result: Attributions
) -> None:
    """One text twice, with other spans."""
    (one,) = result
    gold = [Gold(text=PROMPT, spans=((0, 3),), id="long"), Gold(text=PROMPT, spans=((4, 7),), id="short")]
    places = [one.replace(id="1"), one.replace(id="0")]  # as a run calls examples without names
    expected = values(found([one, one], model, "mrr", gold=gold[::-1]))
    made = found(places, model, "mrr", gold=gold)
    assert values(made) == expected != values(found([one, one], model, "mrr", gold=gold))
    assert "called by their places" in made.warnings[0]
    strangers = [one.replace(id="b"), one.replace(id="a")]
    with pytest.raises(InputError, match=r"the first ones are 'long', 'short', and the examples' 'b', 'a'"):
        found(strangers, model, "mrr", gold=gold)


def test_gold_spans_that_touch_no_unit_are_told(model: AttributionModel, result: Attributions) -> None:
    space, letters = Gold(text=PROMPT, spans=((3, 4),)), Gold(text=PROMPT, spans=((4, 7),))
    with pytest.raises(InputError, match="mrr: no number where gold spans touch no unit"):
        found(result, model, "mrr", gold=[space])
    (told,) = found(result, model, "mrr", "abpc", gold=[space]).warnings
    assert "in every example" in told
    two = result.replace(sequence_attributions=(result[0], result[0]))
    (told,) = found(two, model, "mrr", gold=[letters, space]).warnings
    assert "in example 2." in told
    assert found(result, model, "mrr", gold=[letters]).warnings == ()
    assert found(result, model, "abpc", gold=[space]).warnings == (), "no metric asks for it"


def scored(result: Attributions, cell: float, rest: float | None = None) -> Attributions:
    """The result with another first score, and others all alike where that is said."""
    scores = np.array(result[0].target_attributions, dtype=np.float64)
    if rest is not None:
        scores[:] = rest
    scores[1, 0] = cell
    return result.replace(sequence_attributions=(result[0].replace(target_attributions=scores),))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_told_where_they_are_left_out(
    model: AttributionModel, result: Attributions, cell: float
) -> None:
    (told,) = found({"good": result, "bad": scored(result, cell)}, model, "lds").warnings
    assert told.startswith("bad: some scores are not finite")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_methods_agree_about_the_units_that_both_have_a_number_for(
    model: AttributionModel, result: Attributions, cell: float
) -> None:
    """As in `compare`."""
    first = found({"good": result, "bad": scored(result, cell)}, model, "lds").agreements[0]
    assert first.measures == pytest.approx(dict.fromkeys(first.measures, 1.0))


def test_a_metric_that_is_undefined_everywhere_is_told(model: AttributionModel, result: Attributions) -> None:
    """Leave-one-out has a number, of which no method has anything."""
    alike = scored(result, 1.0, rest=1.0)
    (told,) = found(alike, model, "tau_loo", "abpc").warnings
    assert told.startswith("tau_loo: no number of any method")
    assert found({"alike": alike, "other": result}, model, "tau_loo", "abpc").warnings == ()


def test_examples_without_a_step_are_left_out_and_others_keep_their_numbers(model: AttributionModel) -> None:
    texts = [("a man", "a man slept"), (PROMPT, f"{PROMPT} and the"), ("a man", "a man saw")]
    with pytest.warns(WherefromWarning, match="its result has no step"):
        given = model.attribute(
            [prompt for prompt, _ in texts],
            [target for _, target in texts],
            method="occlusion",
            attr_pos_start=6,
            show_progress=False,
        )
    assert [len(one.steps) > 0 for one in given] == [False, True, False]
    made = found(given, model, "abpc")
    assert {one.example for one in made.measurements} == {1}
    assert len(made.texts) == 3
    assert [one for one in made.warnings if "examples 1, 3." in one]
    alone = found(given[1:2], model, "abpc")
    assert values(made) == values(alone)
    assert evaluation_cost(given, model, ("abpc",)).forwards
    for ask in (evaluate, evaluation_cost):
        with pytest.raises(InputError, match="No example has an explained step"):
            ask(given[::2], model, ("abpc",))
    with pytest.raises(InputError, match=r"No step of .* is explained"):
        coalition_game(given[0], model)


def test_an_example_without_a_contrast_is_none_of_a_contrast_beside_others(model: AttributionModel) -> None:
    given = model.attribute(
        ["a man", "the cat"],
        ["a man slept", "the cat saw a dog"],
        method="occlusion",
        attributed_fn="contrast_logits_diff",
        contrast_targets=["a man saw", None],
        show_progress=False,
    )
    made = found(given, model, "max_sensitivity", "top_k_drop")
    told = [one for one in made.warnings if "contrast" in one]
    assert [one for one in told if "where only it and the token it is compared with may come" in one] == told
    assert {one.example for one in made.measurements if one.metric == "max_sensitivity"} == {0, 1}
    assert not [one for one in found(given[1:], model, "top_k_drop").warnings if "contrast" in one]


@pytest.mark.parametrize("outputs, several", [("step", False), ("sequence", True), ([(6, 7)], False), ([(6, 8)], True)])
def test_steps_that_were_normalised_are_told_where_they_are_added_up(
    model: AttributionModel, outputs: Any, several: bool
) -> None:
    raw = model.attribute(PROMPT, f"{PROMPT} and the", method="input_x_gradient", show_progress=False)
    given = {"raw": raw, "apart": raw.aggregate("sum", normalize=False), "normalised": raw.aggregate()}
    made = evaluate(given, model, ["lds"], outputs=outputs, draws=0, curves=False, show_progress=False)
    assert [one.split(":")[0] for one in made.warnings if "were normalised" in one] == ["normalised"] * several


@pytest.fixture(scope="module")
def named(model: AttributionModel) -> Attributions:
    """Three examples with ids."""
    prompts, targets = ["a man", PROMPT, "the cat"], ["a man slept", f"{PROMPT} and the", "the cat saw a dog"]
    made = model.attribute(prompts, targets, method="occlusion", show_progress=False)
    ids = zip(("one", "two", "three"), made, strict=True)
    return made.replace(sequence_attributions=tuple(one.replace(id=name) for name, one in ids))


def test_results_are_paired_by_id_whatever_their_order(model: AttributionModel, named: Attributions) -> None:
    gold = [None, Gold(text=f"{PROMPT} and the", spans=((0, 3),)), None]
    moved = named.at([2, 0, 1])
    pairs = {order: {"a": named, "b": named.at(order)} for order in ((0, 1, 2), (2, 0, 1))}
    expected, made = (found(given, model, "abpc", "mrr", gold=gold) for given in pairs.values())
    assert made.measurements == expected.measurements
    assert made.warnings == expected.warnings
    assert made.ids == ("one", "two", "three")
    noted = with_measurements(moved, made, "b")
    before = with_measurements(named, expected, "b")
    assert {one.id: one.annotations for one in noted} == {one.id: one.annotations for one in before}


def test_examples_that_not_all_results_have_are_left_out_and_told(model: AttributionModel, named: Attributions) -> None:
    whole = found({"a": named, "b": named}, model, "abpc")
    made = found({"a": named, "b": named.at([2, 1])}, model, "abpc")
    assert made.measurements == tuple(one for one in whole.measurements if one.example != 0)
    assert "Without a partner, and left out: 1 of a." in made.warnings
    turned = found({"a": named.at([2, 1]), "b": named}, model, "abpc")
    assert {one.example for one in turned.measurements} == {0, 1}
    assert "Without a partner, and left out: 1 of b." in turned.warnings
    assert with_measurements(named, made, "a")[0].annotations == {}


def test_numbers_go_to_the_examples_that_were_evaluated_alone(model: AttributionModel, named: Attributions) -> None:
    def called(*names: str | None) -> Attributions:
        examples = zip(names, named, strict=False)
        return named.replace(sequence_attributions=tuple(one.replace(id=name) for name, one in examples))

    made = found({"a": named}, model, "abpc")
    numbers = {one.id: one.annotations for one in with_measurements(named, made, "a")}
    assert [one.annotations for one in with_measurements(called("two", None), made, "a")] == [numbers["two"], {}]
    turned = called(None, None, None).at([1, 0, 2])
    assert [one.annotations for one in with_measurements(turned, made, "a")] == [{}, {}, numbers["three"]]
    for strangers in (called("p", "q", "r"), called(None, None).at([1, 0])):
        with pytest.raises(InputError, match="of none of these examples"):
            with_measurements(strangers, made, "a")


def test_results_of_which_some_have_no_id_are_paired_by_those_that_do(
    model: AttributionModel, named: Attributions
) -> None:
    whole = found({"a": named, "b": named}, model, "abpc")
    partly = named.replace(sequence_attributions=(named[0], named[1].replace(id=None), named[2]))
    made = found({"a": named.at([2, 1, 0]), "b": partly}, model, "abpc")
    assert {one.example for one in made.measurements} == {0, 2}
    assert sorted(str(one.value) for one in made.measurements if one.method == "b") == sorted(
        str(one.value) for one in whole.measurements if one.method == "b" and one.example != 1
    )
    assert "Without a partner, and left out: 1 of a and 1 of b." in made.warnings


def test_places_that_a_run_calls_its_examples_by_are_those_of_a_file_without_ids(
    model: AttributionModel, named: Attributions
) -> None:
    """A run of data without ids: the order of the work, and the places in the data as ids."""
    file = named.replace(sequence_attributions=tuple(one.replace(id=None) for one in named))
    run = named.replace(sequence_attributions=tuple(file[place].replace(id=str(place)) for place in (2, 0)))
    made = found({"run": run, "file": file}, model, "abpc")
    by_method: dict[str, list[float | None]] = {"run": [], "file": []}
    for one in made.measurements:
        if one.method in by_method:
            by_method[one.method].append(one.value)
    assert by_method["run"] == by_method["file"] != []
    assert made.ids == ("2", "0")
    assert [bool(one.annotations) for one in with_measurements(file, made, "file")] == [True, False, True]
    turned = found({"file": file, "run": run}, model, "abpc")
    assert [one.id for one in with_measurements(run, turned, "run") if one.annotations] == ["2", "0"]


def test_results_whose_examples_are_not_all_named_go_by_place(model: AttributionModel, named: Attributions) -> None:
    unnamed = named.replace(sequence_attributions=tuple(one.replace(id=None) for one in named))
    with pytest.raises(InputError, match=r"in example 1\b.*paired by id, or by place"):
        found({"a": unnamed, "b": named.at([2, 0, 1])}, model, "abpc")
    with pytest.raises(InputError, match=r"different numbers of examples.*paired by id, or by place"):
        found({"a": unnamed, "b": named.at([2, 1])}, model, "abpc")
    other = named.replace(sequence_attributions=tuple(one.replace(id=f"{one.id} again") for one in named))
    assert {one.example for one in found({"a": named, "b": other}, model, "abpc").measurements} == {0, 1, 2}
    with pytest.raises(InputError, match=r"in the example 'one' and are called 'three again'"):
        found({"a": named, "b": other.at([2, 0, 1])}, model, "abpc")
