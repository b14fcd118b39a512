"""Metrics that ask the method again: of a moved input, of a model that forgot, and beside other methods."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom.methods as m
from attrs import evolve
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError
from wherefrom.evaluation import Case, Evaluation, agreement, evaluate, evaluation_cost
from wherefrom.evaluation.max_sensitivity import MaxSensitivity
from wherefrom.evaluation.nudging import nudged, random_nudges
from wherefrom.evaluation.parameter_randomisation import ParameterRandomisation
from wherefrom.results.attribution import Attributions
from wherefrom.testing import ReferenceModel, linear_model

SCORES = np.array([3.0, 1.0, 2.0, 0.0])


def case(*others: list[float]) -> Case:
    """The method gives these scores, one after the other, when it is asked again."""
    given = iter([np.array(one) for one in others])
    return Case(count=4, worth=lambda masks: masks.sum(axis=1), rescored=lambda key, change: next(given))


def test_max_sensitivity_by_hand() -> None:
    again = case([3.0, 1.0, 2.0, 0.0], [3.0, 1.0, 2.0, 2.0], [3.0, 1.0, 1.0, 0.0])
    assert MaxSensitivity(n_samples=3).measure(SCORES, again) == pytest.approx(2.0 / np.sqrt(14.0))


def test_parameter_randomisation_by_hand() -> None:
    again = [3.0, 1.0, 2.0, 0.0], [0.0, 2.0, 1.0, 3.0]
    assert ParameterRandomisation().measure(SCORES, case(*again)) == pytest.approx((1.0 - 1.0) / 2)
    overlap = ParameterRandomisation(likeness="top_k", k=2, shares=(1.0,))
    assert overlap.measure(SCORES, case(again[1])) == pytest.approx(0.0)
    assert overlap.measure(SCORES, case([3.0, 2.5, 0.0, 1.0])) == pytest.approx(0.5)
    one, other = np.array([0.0, 1.0, 0.0, 0.0]), [0.0, 0.0, 0.0, 2.0]
    assert overlap.measure(one, case(other)) == 0.0, "zeros are none of the highest"
    assert overlap.measure(one, case(one.tolist())) == 1.0
    for nothing in ([0.0] * 4, [np.nan, 1.0, 2.0, 3.0]):
        assert np.isnan(overlap.measure(np.array(nothing), case(nothing)))


@pytest.fixture(scope="module")
def model() -> AttributionModel:
    return AttributionModel(ReferenceModel())


@pytest.fixture(scope="module")
def found(model: AttributionModel) -> Evaluation:
    results = {
        name: model.attribute("the cat saw a dog", "the cat saw a dog and he sat", method=name, show_progress=False)
        for name in ("saliency", "occlusion", "attention")
    }
    return evaluate(
        results,
        model,
        [MaxSensitivity(), ParameterRandomisation(shares=(1.0,))],
        removals=("unk",),
        draws=1,
        curves=False,
    )


def values(found: Evaluation, method: str, metric: str) -> list[float]:
    return [one.value or 0.0 for one in found.measurements if (one.method, one.metric) == (method, metric)]


@pytest.mark.parametrize("name", ["saliency", "occlusion", "attention"])
def test_a_smooth_model_s_scores_move_little_and_go_with_its_weights(found: Evaluation, name: str) -> None:
    moved = values(found, name, "max_sensitivity")
    assert moved
    assert all(0 < one < 1 for one in moved)
    assert np.mean(values(found, name, "parameter_randomisation")) < 0.7


def test_orders_that_no_method_made_have_no_such_number(found: Evaluation) -> None:
    assert {one.method for one in found.measurements} == {"saliency", "occlusion", "attention"}


def test_a_wider_move_moves_scores_further(model: AttributionModel) -> None:
    result = model.attribute("the cat saw a dog", "the cat saw a dog sat", method="saliency", show_progress=False)
    far, near = (
        evaluate(result, model, [MaxSensitivity(radius=radius)], removals=("unk",), curves=False).measurements[0].value
        for radius in (0.2, 0.002)
    )
    assert far is not None
    assert near is not None
    assert far > 10 * near > 0


def test_a_nudged_model_differs_where_it_was_nudged_alone() -> None:
    adapter = linear_model()
    ids = adapter.encode("the cat saw a dog", side="target").ids
    noise = random_nudges(adapter, ids[1:2], "target", 0.5, np.random.default_rng(0))
    other = nudged(adapter, {"target": noise})
    moved = np.abs(other.embed(ids, side="target") - adapter.embed(ids, side="target")).sum(axis=1) > 0
    assert moved.tolist() == [False, True, False, False, False, False]


@pytest.mark.parametrize("method", [m.Occlusion(), m.Lime(n_samples=24), m.ContextCite(n_samples=24)])
def test_law_tables_that_are_kept_of_the_model_say_nothing_of_a_changed_one(
    model: AttributionModel, method: Any, tmp_path: Path
) -> None:
    metrics = ["max_sensitivity", "parameter_randomisation"]

    def measured(**kept: Any) -> list[float | None]:
        result = model.attribute("the cat saw", "the cat saw a dog", evolve(method, **kept), show_progress=False)
        made = evaluate(result, model, metrics, draws=0, curves=False, show_progress=False)
        return [one.value for one in made.measurements if one.method == result[0].method]

    alone = measured()
    assert any(alone)
    assert measured(tables=str(tmp_path)) == alone
    assert list(tmp_path.iterdir()), "nothing was kept, so nothing was compared"


def test_examples_are_asked_again_as_each_was_made(model: AttributionModel) -> None:
    """Examples of several results may stand in one list."""
    ask = partial(model.attribute, method="occlusion", show_progress=False)
    one = ask("the cat saw", "the cat saw a dog", keep_special=False)
    other = ask(["a man slept", "the cat"], ["a man slept on the mat", "the cat slept"])
    measure = partial(
        evaluate, model=model, metrics=["max_sensitivity"], removals=("unk",), draws=0, show_progress=False
    )
    apart = [[made.value for made in measure(each).measurements] for each in (one, other)]
    assert [made.value for made in measure([*one, *other]).measurements][: len(apart[0])] == apart[0]
    assert [made.value for made in measure(one[0]).measurements] == apart[0]
    assert [made.value for made in measure(list(other)).measurements] == apart[1]


def test_scores_alone_cannot_be_made_again(model: AttributionModel) -> None:
    result = model.attribute("the cat saw", "the cat saw a dog", method="saliency", show_progress=False)
    with pytest.raises(InputError, match="does not say how it was made"):
        evaluate(result.sequence_attributions[0], model, ["max_sensitivity"])
    forced = model.attribute(
        "the cat saw",
        "the cat saw a dog",
        method="saliency",
        attributed_fn="contrast_logits_diff",
        contrast_targets="the cat saw a bird",
        contrast_force_inputs=True,
        show_progress=False,
    )
    with pytest.raises(InputError, match="contrast"):
        evaluate(forced, model, ["max_sensitivity"])


def test_a_contrast_is_asked_again(model: AttributionModel) -> None:
    """With nothing changed, the scores are the same; those of the token alone are others."""
    asked = {"method": m.KernelShap(n_samples=24, baseline="unk"), "show_progress": False, "seed": 5}
    contrast = model.attribute(
        "the cat saw a dog",
        "the cat saw a dog sat",
        attributed_fn="logprob_diff",
        contrast_targets="the cat saw a dog bird",
        **asked,  # type: ignore[arg-type]
    )
    still = MaxSensitivity(radius=1e-12, n_samples=1)
    (one,) = evaluate(contrast, model, [still], removals=("unk",), curves=False).measurements
    assert one.value == pytest.approx(0.0, abs=1e-6)
    alone = model.attribute("the cat saw a dog", "the cat saw a dog sat", attributed_fn="logit", **asked)  # type: ignore[arg-type]
    assert not np.allclose(alone[0].target_attributions, contrast[0].target_attributions)  # type: ignore[arg-type]


def test_settings_and_target_function_are_those_of_the_result(model: AttributionModel) -> None:
    """With nothing changed, asking again gives the same scores."""
    result = model.attribute(
        "the cat saw a dog",
        "the cat saw a dog sat",
        method=m.KernelShap(n_samples=24, baseline="unk"),
        attributed_fn="logit",
        show_progress=False,
        seed=5,
    )
    still = MaxSensitivity(radius=1e-12, n_samples=1)
    (one,) = evaluate(result, model, [still], removals=("unk",), curves=False).measurements
    assert one.value == pytest.approx(0.0, abs=1e-6)


def reduced(result: Attributions, how: str) -> Attributions:
    if how == "some steps":
        return result.replace(sequence_attributions=tuple(one.select_steps(0, 2) for one in result))
    return result.aggregate(None if how == "default" else how)


@pytest.mark.parametrize(
    "method, how",
    [
        ("saliency", "default"),
        ("saliency", "mean"),
        ("input_x_gradient", "vnorm"),
        ("input_x_gradient", "rescale"),
        ("occlusion", "normalize"),
        (m.Lime(n_samples=24), "default"),
        (m.Lime(n_samples=24), "some steps"),
    ],
)
@pytest.mark.filterwarnings("ignore:lime")
def test_with_nothing_changed_the_scores_are_the_same_however_they_were_reduced(
    model: AttributionModel, method: Any, how: str
) -> None:
    result = model.attribute(
        "the cat saw a dog", "the cat saw a dog and he sat", method=method, show_progress=False, seed=3
    )
    still = MaxSensitivity(radius=1e-12, n_samples=1)
    found = evaluate(reduced(result, how), model, [still], removals=("unk",), curves=False)
    assert found.measurements
    for one in found.measurements:
        assert one.value == pytest.approx(0.0, abs=1e-6)


def test_the_passes_told_hold_the_run_of_the_model_as_it_is(model: AttributionModel) -> None:
    result = model.attribute("the cat saw", "the cat saw a dog", method="occlusion", show_progress=False)
    (one,) = model.cost("the cat saw", "the cat saw a dog", method="occlusion")
    assert one is not None
    more = [MaxSensitivity(n_samples=3), ParameterRandomisation(shares=(0.5, 1.0))]
    told = [evaluation_cost(result, model, metrics, removals=("unk",)).forwards for metrics in (["sparseness"], more)]
    ran = [evaluate(result, model, metrics, removals=("unk",)).forwards for metrics in (["sparseness"], more)]
    assert told[1] - told[0] == (1 + 3 + 2) * one.forwards
    assert 0 < ran[1] - ran[0] <= told[1] - told[0]


def test_an_aggregation_that_cannot_be_made_again_is_refused(model: AttributionModel) -> None:
    result = model.attribute("the cat saw", "the cat saw a dog", method="saliency", show_progress=False)
    paired = result[0].aggregate().aggregate("pair", paired_attr=result[0].aggregate(), combine="mean")
    with pytest.raises(InputError, match=r"'pair'.*raw result"):
        evaluate(result.replace(sequence_attributions=(paired,)), model, ["max_sensitivity"])


@pytest.mark.parametrize("ends", [False, True])
def test_end_tokens_are_left_again_where_they_were_left_and_there_alone(ends: bool) -> None:
    model = AttributionModel(ReferenceModel("encoder-decoder"))
    result = model.attribute(
        "the cat saw a dog",
        "a dog saw the cat",
        method="occlusion",
        include_eos_baseline=ends,
        show_progress=False,
    )
    source = result[0].source_attributions
    assert source is not None
    assert bool(np.abs(source[-1]).max() > 0) == ends, "the last token of the source is </s>"
    still = [MaxSensitivity(radius=1e-12, n_samples=1)]
    kept, free = (evaluate(result, model, still, removals=("unk",), keep_special=keep) for keep in (True, False))
    for one in free.measurements:
        assert one.value == pytest.approx(0.0, abs=1e-6)
    more = [there.cuts[-1] - before.cuts[-1] for before, there in zip(kept.curves, free.curves, strict=True)]
    assert more
    assert set(more) == {1}, "</s> can be removed, the decoder's start token cannot"


def test_shuffling_leaves_the_model_as_it_was(model: AttributionModel) -> None:
    adapter = ReferenceModel()
    before = adapter.table.copy()
    with adapter.randomised(1.0, seed=0) as other:
        assert sorted(other.table.ravel()) == pytest.approx(sorted(before.ravel()))
        assert not np.allclose(other.table, before)
    with adapter.randomised(0.01, seed=0) as other:
        assert np.array_equal(other.table, before), "the output comes first"
        assert not np.allclose(other.network.head, adapter.network.head)
    assert np.array_equal(adapter.table, before)


def test_agreement_by_hand(found: Evaluation) -> None:
    pairs = {(one.method, one.other) for one in agreement(found)}
    assert pairs == {("saliency", "occlusion"), ("saliency", "attention"), ("occlusion", "attention")}
    first = found.agreements[0]
    assert set(first.measures) == {
        "spearman",
        "kendall",
        "top_k_overlap",
        "rank_agreement",
        "sign_agreement",
        "signed_rank_agreement",
        "cosine",
    }
    line = next(one for one in agreement(found) if one.measure == "spearman")
    own = [
        one.measures["spearman"] or 0.0
        for one in found.agreements
        if one.method == line.method and one.other == line.other
    ]
    assert line.mean == pytest.approx(np.mean(own))
    assert line.count == 1


def test_a_method_agrees_with_itself(model: AttributionModel) -> None:
    result = model.attribute("the cat saw", "the cat saw a dog", method="saliency", show_progress=False)
    same = evaluate({"a": result, "b": result}, model, ["sparseness"], removals=("unk",), curves=False)
    assert {one.measure: one.mean for one in agreement(same)} == pytest.approx(
        dict.fromkeys(same.agreements[0].measures, 1.0)
    )
