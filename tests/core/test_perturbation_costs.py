"""What perturbation methods cost, counted, and the laws they have in common, on the reference transformer."""

import numpy as np
import pytest
from attrs import evolve
from wherefrom.errors import SettingsError
from wherefrom.methods import (
    ContextCite,
    ExactShapley,
    FeatureAblation,
    KernelShap,
    Lime,
    Occlusion,
    Reagent,
    ShapleyValueSampling,
)
from wherefrom.methods.perturbation.ablation import ablate, target_function_name
from wherefrom.methods.perturbation.units import last_steps, units_of
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom.testing import ReferenceModel, counting, question

KINDS = ("decoder-only", "encoder-decoder")
THREE = {"source": [(0, 2), (2, 4)], "target": [(1, 2)]}
COSTS = [
    (Occlusion(baseline="unk"), lambda units: units + 1),
    (FeatureAblation(baseline="unk"), lambda units: units + 1),
    (Lime(n_samples=30, baseline="unk"), lambda units: 30),
    (KernelShap(n_samples=40, baseline="unk"), lambda units: 40),
    (ShapleyValueSampling(n_samples=6, baseline="unk"), lambda units: 6 * (units - 1) + 2),
    (ExactShapley(units=THREE, baseline="unk"), lambda units: 2**units),
    (ContextCite(n_samples=20, baseline="unk"), lambda units: 21),
]
COMPLETE = [
    KernelShap(n_samples=40, baseline="unk"),
    ShapleyValueSampling(n_samples=4, baseline="unk"),
    ExactShapley(units=THREE, baseline="unk"),
]
LINEAR = [Occlusion(window=2, baseline="unk"), FeatureAblation(baseline="unk"), Lime(baseline="unk"), *COMPLETE]


def name_of(value):
    return getattr(value, "identifier", "")


@pytest.mark.parametrize("method, most", COSTS, ids=name_of)
@pytest.mark.parametrize("kind", KINDS)
def test_passes_do_not_grow_with_the_number_of_steps(kind, method, most):
    model = ReferenceModel(kind)
    rows = []
    for last in (1, 4):
        asked = question(model, "the cat sat on", "a dog slept .", last=last)
        meter, tally = counting(model)
        (scores,) = method.attribute(meter, [asked], no_progress)
        units = len(units_of(asked, method.units))
        assert tally.forward_rows == scores.details["forwards"] <= most(units)
        assert tally.forward_rows > 1
        assert tally.calls == 1
        assert tally.backward_rows == 0
        rows.append(tally.forward_rows)
    assert rows[1] <= rows[0]


@pytest.mark.parametrize("sampler", ["uniform", "unigram:the cat sat on a dog", "model"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [None, "one round", "two rounds"])
def test_reagent_counts_its_passes(kind, sampler, budget):
    model = ReferenceModel(kind)
    asked = question(model, "the cat sat on", "a dog slept .")
    meter, tally = counting(model)
    # the most important units are replaced, so that no probe stops and the bound is reached
    method = Reagent(sampler=sampler, max_probe_steps=3, num_probes=4, invert_keep=True, stopping_condition_top_k=1)
    first, each = 1 + (sampler == "model"), 4 * (1 + len(asked.steps))
    if budget is not None:
        method = evolve(method, budget=first + each if budget == "one round" else 2 * each + 1)
    (scores,) = method.attribute(meter, [asked], no_progress)
    told = method.cost(asked).forwards
    assert tally.forward_rows == scores.details["forwards"] <= told
    assert told == (first + 3 * each if budget is None else method.budget)
    if budget == "one round":
        with pytest.raises(SettingsError, match="less than one round"):
            list(evolve(method, budget=method.budget - 1).attribute(model, [asked], no_progress))


@pytest.mark.parametrize("method", COMPLETE, ids=name_of)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_sum_to_what_all_units_are_worth(kind, method):
    model = ReferenceModel(kind)
    asked = question(model, "the cat sat on", "a dog slept .")
    (scores,) = method.attribute(model, [asked], no_progress)
    units = units_of(asked, method.units)
    table = ablate(model, asked, units, np.zeros((1, len(units)), bool))
    name = target_function_name(asked.target_function)
    total = scores.target.sum(axis=0) + (0 if scores.source is None else scores.source.sum(axis=0))
    np.testing.assert_allclose(total, table.clean[name] - table.values[name][0], atol=1e-12)


@pytest.mark.parametrize("method", LINEAR, ids=name_of)
@pytest.mark.parametrize("kind", KINDS)
def test_a_contrast_of_logits_is_the_difference_of_two_answers(kind, method):
    model = ReferenceModel(kind)
    asked = question(model, "the cat sat on", "a dog slept .", function="logit")
    contrast = np.roll(asked.target_function.target_ids, 1)
    difference = TargetFunction(
        function=STEP_FUNCTIONS.get("contrast_logits_diff")(),
        target_ids=asked.target_function.target_ids,
        contrast_ids=contrast,
    )
    ours, theirs, both = (
        next(iter(method.attribute(model, [evolve(asked, target_function=target_function)], no_progress)))
        for target_function in (asked.target_function, evolve(asked.target_function, target_ids=contrast), difference)
    )
    np.testing.assert_allclose(both.target, ours.target - theirs.target, atol=1e-10)
    if both.source is not None:
        np.testing.assert_allclose(both.source, ours.source - theirs.source, atol=1e-10)


@pytest.mark.parametrize("method", [*[method for method, _ in COSTS], Reagent()], ids=name_of)
@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_may_be_removed_all_scores_are_zero(kind, method):
    model = ReferenceModel(kind)
    asked = question(model, "the cat", "a dog slept")
    everything = np.arange(20)
    asked = evolve(asked, kept_target=everything, kept_source=everything)
    method = method if isinstance(method, Reagent) else evolve(method, units="token")
    (scores,) = method.attribute(model, [asked], no_progress)
    assert not scores.target.any()
    assert kind == "decoder-only" or not scores.source.any()
    assert not scores.warnings


@pytest.mark.parametrize("method", [method for method, _ in COSTS], ids=name_of)
def test_what_a_step_cannot_see_has_no_score(method):
    model = ReferenceModel("encoder-decoder")
    asked = question(model, "the cat sat on", "a dog slept .")
    (scores,) = method.attribute(model, [asked], no_progress)
    positions = np.arange(len(asked.target_ids))[:, None]
    assert not scores.target[positions >= last_steps(asked.target_function, asked.steps)].any()
    assert not scores.target[asked.kept_target].any()
    assert not scores.source[asked.kept_source].any()
    assert scores.source.any()
