"""Identities between step functions, on logits of any kind, and that numpy and torch agree on them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wherefrom.arrays import to_numpy
from wherefrom.errors import ModelCapabilityError, SettingsError, UsageError, WherefromWarning
from wherefrom.questions.spans import additive
from wherefrom.questions.target_function import TargetFunction
from wherefrom.settings import from_mapping
from wherefrom.step_functions import (
    STEP_FUNCTIONS,
    StepFunction,
    StepPrediction,
    list_step_functions,
    require_differentiable,
    require_explainable,
)
from wherefrom.step_functions.base import falls_with_probability, plain_without_contrast

STEPS = 4
BUILT_IN = (
    "contrast_logits",
    "contrast_logits_diff",
    "contrast_prob",
    "contrast_prob_diff",
    "crossentropy",
    "entropy",
    "in_context_pvi",
    "kl_divergence",
    "logit",
    "logprob_diff",
    "margin",
    "mc_dropout_prob_avg",
    "mc_dropout_zscore",
    "pcxmi",
    "perplexity",
    "probability",
    "rank",
    "surprisal_bits",
    "top_p_size",
)
VARIANTS = [
    *((name, {}) for name in BUILT_IN),
    ("probability", {"logprob": True}),
    ("contrast_prob", {"logprob": True}),
    ("contrast_prob_diff", {"logprob": True}),
    ("kl_divergence", {"top_k": 3}),
    ("kl_divergence", {"top_p": 0.6}),
    ("kl_divergence", {"top_p": 0.3, "top_k": 5, "min_tokens_to_keep": 2}),
    ("top_p_size", {"top_p": 0.5}),
    ("in_context_pvi", {"unit": "nats"}),
    ("mc_dropout_prob_avg", {"logprob": True}),
]
DIFFERENTIABLE = [(n, s) for n, s in VARIANTS if n not in ("rank", "top_p_size") and not n.startswith("mc_")]


def function(name: str, **options: Any) -> StepFunction:
    return from_mapping(STEP_FUNCTIONS.get(name), options, where=name)


def draw(seed: int, spread: float = 2.0, vocabulary: int = 11) -> StepPrediction:
    """A prediction with a contrast and stochastic passes."""
    random = np.random.default_rng(seed)

    def one() -> StepPrediction:
        return StepPrediction(
            logits=spread * random.standard_normal((STEPS, vocabulary)),
            target_ids=random.integers(0, vocabulary, STEPS),
        )

    samples = spread * random.standard_normal((5, STEPS, vocabulary))
    return attrs.evolve(one(), contrast=one(), samples=samples)


def in_torch(prediction: StepPrediction, dtype: torch.dtype = torch.float64) -> StepPrediction:
    contrast = prediction.contrast
    return StepPrediction(
        logits=torch.tensor(prediction.logits, dtype=dtype, requires_grad=True),
        target_ids=torch.tensor(prediction.target_ids),
        contrast=None if contrast is None else in_torch(contrast, dtype),
        samples=None if prediction.samples is None else torch.tensor(prediction.samples, dtype=dtype),
    )


def value(name: str, prediction: StepPrediction, **options: Any) -> np.ndarray:
    return np.asarray(function(name, **options)(prediction))


predictions = st.builds(draw, seed=st.integers(0, 10**6), spread=st.floats(0.0, 30.0), vocabulary=st.integers(2, 40))


def test_every_function_is_listed() -> None:
    assert set(BUILT_IN) <= set(list_step_functions())
    assert STEP_FUNCTIONS.get("logits") is STEP_FUNCTIONS.get("logit")


@pytest.mark.parametrize("name, options", VARIANTS)
def test_numpy_and_torch_agree(name: str, options: dict[str, Any]) -> None:
    prediction = draw(3)
    expected = function(name, **options)(prediction)
    found = function(name, **options)(in_torch(prediction))
    assert expected.shape == found.shape == (STEPS,)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*The model has no dropout")
@pytest.mark.parametrize("name, options", VARIANTS)
@given(prediction=predictions)
@settings(max_examples=25, deadline=None)
def test_never_nan(name: str, options: dict[str, Any], prediction: StepPrediction) -> None:
    asked = function(name, **options)
    for given_prediction in (prediction, attrs.evolve(prediction, contrast=None)):
        assert np.isfinite(asked(given_prediction)).all()
    half = asked(in_torch(prediction, torch.float16))
    assert half.dtype == torch.float32
    assert torch.isfinite(half).all()


@pytest.mark.filterwarnings("ignore:.*The model has no dropout")
@pytest.mark.parametrize("name, options", VARIANTS)
def test_what_is_zero_without_a_contrast_is_no_plain_value(name: str, options: dict[str, Any]) -> None:
    values = value(name, attrs.evolve(draw(11), contrast=None), **options)
    assert plain_without_contrast(function(name, **options)) == values.any()


@pytest.mark.parametrize("name, options", DIFFERENTIABLE)
def test_gradients_are_those_of_finite_differences(name: str, options: dict[str, Any]) -> None:
    asked = function(name, **options)
    prediction = in_torch(draw(5))
    values = asked(prediction)
    (gradient,) = torch.autograd.grad(values.sum(), prediction.logits, allow_unused=True)
    gradient = torch.zeros_like(prediction.logits) if gradient is None else gradient
    assert torch.isfinite(gradient).all()
    random = np.random.default_rng(0)
    for _ in range(5):
        direction = torch.tensor(random.standard_normal(tuple(prediction.logits.shape)))
        tiny = 1e-6
        ahead, behind = (
            asked(attrs.evolve(prediction, logits=prediction.logits.detach() + s * tiny * direction)).sum()
            for s in (1, -1)
        )
        slope = (ahead - behind) / (2 * tiny)
        assert math.isclose(float((gradient * direction).sum()), float(slope.detach()), rel_tol=1e-5, abs_tol=1e-6)


@pytest.mark.parametrize("name, options", DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_the_digits_of_its_logits(name: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    halves = in_torch(draw(7, vocabulary=2000), dtype)
    exact = StepPrediction(
        logits=halves.logits.detach().double(),
        target_ids=halves.target_ids,
        contrast=attrs.evolve(halves.contrast, logits=halves.contrast.logits.detach().double()),
    )
    asked = function(name, **options)
    np.testing.assert_allclose(to_numpy(asked(halves)), to_numpy(asked(exact)), rtol=2e-4, atol=2e-5)
    # 1/p has slopes beyond the largest float16; adapters hand float32 logits to step functions
    if name not in ("contrast_logits", "contrast_prob", "perplexity"):
        (gradient,) = torch.autograd.grad(asked(halves).sum(), halves.logits)
        assert torch.isfinite(gradient).all()


@given(prediction=predictions)
def test_one_probability_in_four_units(prediction: StepPrediction) -> None:
    p = value("probability", prediction)
    nats = value("crossentropy", prediction)
    np.testing.assert_allclose(np.exp(-nats), p, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(value("perplexity", prediction), np.exp(nats), rtol=1e-9)
    np.testing.assert_allclose(value("perplexity", prediction) * p, 1.0, rtol=1e-9)
    np.testing.assert_allclose(value("probability", prediction, logprob=True), -nats)
    np.testing.assert_allclose(value("surprisal_bits", prediction) * math.log(2), nats)


@given(prediction=predictions)
def test_entropy_lies_between_certainty_and_ignorance(prediction: StepPrediction) -> None:
    entropy = value("entropy", prediction)
    vocabulary = prediction.logits.shape[-1]
    assert (entropy >= -1e-12).all()
    assert (entropy <= math.log(vocabulary) + 1e-9).all()
    level = attrs.evolve(prediction, logits=np.zeros_like(prediction.logits))
    np.testing.assert_allclose(value("entropy", level), math.log(vocabulary))


@given(prediction=predictions, top_k=st.integers(0, 12), top_p=st.floats(0.01, 1.0), least=st.integers(1, 4))
def test_divergence_is_positive_and_zero_for_equals(
    prediction: StepPrediction, top_k: int, top_p: float, least: int
) -> None:
    options = {"top_k": top_k, "top_p": top_p, "min_tokens_to_keep": least}
    divergence = value("kl_divergence", prediction, **options)
    assert np.isfinite(divergence).all()
    assert (divergence >= 0).all()
    same = attrs.evolve(prediction, contrast=attrs.evolve(prediction, contrast=None))
    np.testing.assert_array_equal(value("kl_divergence", same, **options), 0.0)


@pytest.mark.parametrize("spread", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("apart, part", [(1.0, 1e-5), (1e-2, 1e-4), (1e-4, 5e-3)])
def test_divergence_of_predictions_that_are_nearly_the_same(spread: float, apart: float, part: float) -> None:
    """Of what is right, in double precision, float32 misses a small part, in values and in gradients."""
    rng = np.random.default_rng(3)
    first = torch.from_numpy(rng.normal(scale=spread, size=(20, 400)).astype(np.float32)).requires_grad_()
    other = first.detach() + torch.from_numpy(rng.normal(scale=spread * apart, size=(20, 400)).astype(np.float32))
    ids = torch.zeros(20, dtype=torch.int64)
    contrast = StepPrediction(logits=other, target_ids=ids)
    values = function("kl_divergence")(StepPrediction(logits=first, target_ids=ids, contrast=contrast))
    log_p, log_q = (torch.log_softmax(one.double(), -1) for one in (first, other))
    right = (log_p.exp() * (log_p - log_q)).sum(-1)
    assert (values >= 0).all()
    assert (values - right).abs().max() <= part * right.max()
    (gradient,), (slope,) = (torch.autograd.grad(one.sum(), first) for one in (values, right))
    assert (gradient - slope).abs().max() <= part * slope.abs().max()


def test_divergence_counts_what_the_contrast_rules_out_as_it_is() -> None:
    logits = np.array([[0.0, -800.0, -1.0], [0.0, -800.0, -1.0]])  # e**-800 is 0
    ids = np.zeros(2, dtype=np.int64)
    other = np.array([[0.0, -np.inf, 0.0], [0.0, 0.0, -np.inf]])
    contrast = StepPrediction(logits=other, target_ids=ids)
    found = function("kl_divergence")(StepPrediction(logits=logits, target_ids=ids, contrast=contrast))
    p = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(found, [p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p)), np.inf])


def test_divergence_of_filtered_tokens_is_that_of_renormalised_distributions() -> None:
    prediction = draw(11)
    p, q = (np.exp(one.log_probabilities()) for one in (prediction, prediction.contrast))
    expected = []
    for step in range(STEPS):
        kept = np.argsort(-(p[step] + q[step]))[:4]
        here, there = p[step, kept] / p[step, kept].sum(), q[step, kept] / q[step, kept].sum()
        expected.append((here * np.log(here / there)).sum())
    np.testing.assert_allclose(value("kl_divergence", prediction, top_k=4), expected)
    for filters in ({"top_p": 1e-9}, {"top_k": 1}, {"top_k": 2, "top_p": 1e-9}):
        np.testing.assert_allclose(value("kl_divergence", prediction, min_tokens_to_keep=4, **filters), expected)
    everything = value("kl_divergence", prediction)
    np.testing.assert_allclose(everything, (p * np.log(p / q)).sum(-1))
    np.testing.assert_allclose(value("kl_divergence", prediction, top_k=11), everything)


def test_forbidden_tokens_make_no_nan() -> None:
    prediction = in_torch(draw(1))
    forbidden = prediction.logits.detach().clone()
    forbidden[:, 0] = -float("inf")
    forbidden.requires_grad_()
    ids = torch.ones(STEPS, dtype=torch.int64)
    own = StepPrediction(logits=forbidden, target_ids=ids, contrast=attrs.evolve(prediction, target_ids=ids))
    for name, options in DIFFERENTIABLE:
        values = function(name, **options)(own)
        assert torch.isfinite(values).all(), name
        if values.requires_grad and name not in ("contrast_logits", "contrast_prob"):
            (gradient,) = torch.autograd.grad(values.sum(), forbidden)
            assert torch.isfinite(gradient).all(), name


@given(prediction=predictions)
def test_information_gain_has_the_sign_of_its_papers(prediction: StepPrediction) -> None:
    without, with_context = (
        value("probability", prediction, logprob=True),
        value("contrast_prob", prediction, logprob=True),
    )
    np.testing.assert_allclose(value("pcxmi", prediction), (with_context - without) / math.log(2), atol=1e-9)
    np.testing.assert_allclose(value("in_context_pvi", prediction), value("pcxmi", prediction))
    np.testing.assert_allclose(value("in_context_pvi", prediction, unit="nats"), with_context - without, atol=1e-9)
    assert ((value("pcxmi", prediction) > 0) == (with_context > without)).all()


@pytest.mark.parametrize("name", ["contrast_logits_diff", "contrast_prob_diff", "logprob_diff"])
@given(prediction=predictions)
def test_a_difference_of_equals_is_zero_and_swapping_negates(name: str, prediction: StepPrediction) -> None:
    plain = attrs.evolve(prediction, contrast=None)
    np.testing.assert_array_equal(value(name, attrs.evolve(prediction, contrast=plain)), 0.0)
    swapped = attrs.evolve(prediction.contrast, contrast=plain)
    np.testing.assert_allclose(value(name, swapped), -value(name, prediction))


@pytest.mark.parametrize(
    "name, plain",
    [
        ("contrast_logits", "logit"),
        ("contrast_prob", "probability"),
        ("contrast_logits_diff", "logit"),
        ("contrast_prob_diff", "probability"),
    ],
)
def test_without_a_contrast_the_plain_value_is_left(name: str, plain: str) -> None:
    prediction = attrs.evolve(draw(2), contrast=None)
    np.testing.assert_array_equal(value(name, prediction), value(plain, prediction))


@pytest.mark.parametrize("name", ["pcxmi", "in_context_pvi", "kl_divergence"])
def test_without_a_contrast_there_is_nothing_to_learn(name: str) -> None:
    np.testing.assert_array_equal(value(name, attrs.evolve(draw(2), contrast=None)), 0.0)


@given(prediction=predictions, lower=st.floats(0.01, 1.0), upper=st.floats(0.01, 1.0))
def test_nucleus_grows_with_its_probability_at_each_step(
    prediction: StepPrediction, lower: float, upper: float
) -> None:
    lower, upper = sorted((lower, upper))
    small, large = (value("top_p_size", prediction, top_p=p) for p in (lower, upper))
    assert small.shape == (STEPS,)
    assert ((small >= 1) & (small <= large) & (large <= prediction.logits.shape[-1])).all()
    ordered = -np.sort(-np.exp(prediction.log_probabilities()), axis=-1)
    for step, size in enumerate(small.astype(int)):
        assert ordered[step, :size].sum() >= lower - 1e-9
        assert ordered[step, : size - 1].sum() < lower + 1e-9


def test_a_nucleus_of_all_is_every_token_that_is_possible() -> None:
    """Also in single precision, where sums of probabilities differ from 1."""
    logits = np.random.default_rng(0).normal(0, 4, (3, 50_000)).astype(np.float32)
    logits[2, :100] = -np.inf
    prediction = StepPrediction(logits=logits, target_ids=np.array([200] * 3))
    assert value("top_p_size", prediction, top_p=1.0).tolist() == [50_000, 50_000, 49_900]


@pytest.mark.parametrize("top_p", [1e-9, 0.5, 0.999, 1 - 1e-6])
def test_a_nucleus_of_single_precision_is_that_of_double(top_p: float) -> None:
    logits = np.random.default_rng(1).normal(0, 4, (5, 50_000)).astype(np.float32)
    single, double = (
        value("top_p_size", StepPrediction(logits=logits.astype(dtype), target_ids=np.zeros(5, np.int64)), top_p=top_p)
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_allclose(single, double, rtol=1e-3)


@given(prediction=predictions)
def test_rank_and_margin_agree_on_the_first_choice(prediction: StepPrediction) -> None:
    rank, margin = value("rank", prediction), value("margin", prediction)
    assert (rank >= 1).all()
    assert ((margin >= 0) == (rank == 1)).all()
    chosen = attrs.evolve(prediction, target_ids=prediction.logits.argmax(-1))
    np.testing.assert_array_equal(value("rank", chosen), 1.0)


@pytest.mark.filterwarnings("ignore:.*The model has no dropout")
@given(prediction=predictions)
def test_dropout_mean_lies_between_its_passes(prediction: StepPrediction) -> None:
    passes = np.stack(
        [value("probability", attrs.evolve(prediction, logits=logits, contrast=None)) for logits in prediction.samples]
    )
    mean = value("mc_dropout_prob_avg", prediction)
    np.testing.assert_allclose(mean, passes.mean(0))
    assert ((mean >= passes.min(0) - 1e-12) & (mean <= passes.max(0) + 1e-12)).all()


@pytest.mark.parametrize("passes", range(2, 9))
def test_dropout_score_is_zero_where_all_passes_agree(passes: int) -> None:
    prediction = draw(4)
    alike = attrs.evolve(prediction, samples=np.stack([prediction.logits + 1.0] * passes))
    with pytest.warns(WherefromWarning, match="no dropout"):
        np.testing.assert_array_equal(value("mc_dropout_zscore", alike), 0.0)


def test_a_model_without_dropout_is_told() -> None:
    prediction = draw(4)
    alike = attrs.evolve(prediction, samples=np.stack([prediction.logits] * 3))
    with pytest.warns(WherefromWarning, match="all 3 passes with dropout give the same"):
        value("mc_dropout_prob_avg", alike)
    one = attrs.evolve(prediction, samples=prediction.logits[None])
    value("mc_dropout_prob_avg", one)  # a single pass says nothing about it


def test_logarithms_add_where_probabilities_multiply() -> None:
    for name in ("probability", "contrast_prob", "mc_dropout_prob_avg"):
        assert function(name).span_aggregation == "prod"
        assert function(name, logprob=True).span_aggregation == "sum"
    assert function("contrast_prob_diff", logprob=True).span_aggregation == "sum"
    assert function("crossentropy").span_aggregation == "sum"


def test_only_what_is_never_negative_is_multiplied() -> None:
    prediction = draw(4)
    for name in STEP_FUNCTIONS:
        one = STEP_FUNCTIONS.get(name)()
        if one.span_aggregation == "prod":
            sampled = attrs.evolve(prediction, samples=np.stack([prediction.logits, prediction.logits * 0.5]))
            swapped = attrs.evolve(sampled, contrast=sampled, **swapped_ids(sampled))
            assert (one(sampled) >= 0).all()
            assert (one(swapped) >= 0).all(), name


def swapped_ids(prediction: StepPrediction) -> dict[str, object]:
    """The least likely token in question, so that every difference to another is negative."""
    return {"target_ids": np.argmin(np.asarray(prediction.logits), axis=-1)}


def test_a_span_of_differences_is_still_explained_by_logarithms() -> None:
    assert additive(function("contrast_prob_diff")) == function("contrast_prob_diff", logprob=True)
    assert additive(function("mc_dropout_zscore")) == function("mc_dropout_zscore")


def test_functions_say_whether_they_fall_where_the_model_becomes_surer() -> None:
    """Of two predictions the second is surer of the token, which is the most likely one of both."""
    logits = np.array([[2.0, 1.0, 0.5, -1.0]])
    unsure, sure = (
        StepPrediction(
            logits=one, target_ids=np.array([1]), contrast=StepPrediction(logits=one, target_ids=np.array([0]))
        )
        for one in (logits, logits + np.array([[0.0, 6.0, 0.0, 0.0]]))
    )
    for name in STEP_FUNCTIONS:
        one = STEP_FUNCTIONS.get(name)()
        if one.sampled or name == "kl_divergence":  # the one compares passes, the other is of neither token
            assert not falls_with_probability(one, contrasted=True)
            continue
        change = float((one(sure) - one(unsure))[0])
        if change or name != "contrast_logits":  # the other token's logit stays
            assert falls_with_probability(one, contrasted=True) == (change < 0), name
        plain = [float(one(attrs.evolve(prediction, contrast=None))[0]) for prediction in (unsure, sure)]
        if plain[0] != plain[1]:
            assert falls_with_probability(one, contrasted=False) == (plain[1] < plain[0]), name


def test_functions_say_whether_they_are_a_plain_value_without_a_contrast() -> None:
    for name in STEP_FUNCTIONS:
        one = STEP_FUNCTIONS.get(name)()
        predictions = [attrs.evolve(draw(seed), contrast=None, samples=draw(seed).logits[None]) for seed in range(3)]
        if one.contrastive:
            differ = len({tuple(np.asarray(one(prediction)).round(9)) for prediction in predictions}) > 1
            assert plain_without_contrast(one) == differ, name
        else:
            assert plain_without_contrast(one)


def test_counts_are_refused_as_gradient_targets_with_a_list_of_others() -> None:
    with pytest.raises(UsageError, match=r"rank cannot be differentiated.*probability.*step_scores=\['rank'\]"):
        require_differentiable(function("rank"))
    with pytest.raises(UsageError) as error:
        require_differentiable(function("top_p_size"), method="saliency")
    assert "saliency needs gradients" in str(error.value)
    assert "top_p_size, " not in str(error.value)
    require_differentiable(function("margin"))


def test_samples_are_refused_as_targets_of_any_method() -> None:
    with pytest.raises(UsageError, match="stochastic passes"):
        require_explainable(function("mc_dropout_prob_avg"))
    require_explainable(function("rank"))


def test_missing_samples_are_told() -> None:
    with pytest.raises(ModelCapabilityError, match="mc_dropout_zscore needs stochastic passes"):
        function("mc_dropout_zscore")(attrs.evolve(draw(0), samples=None))


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("top_p_size", {"top_p": 0.0}),
        ("top_p_size", {"top_p": 1.5}),
        ("kl_divergence", {"top_k": -1}),
        ("kl_divergence", {"min_tokens_to_keep": 0}),
        ("mc_dropout_zscore", {"n_mcd_steps": 1}),
        ("in_context_pvi", {"unit": "digits"}),
        ("probability", {"logprob": 2}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        function(name, **wrong)


def test_objective_sums_steps_of_a_group_and_selects_them() -> None:
    prediction = draw(8)
    target_function = TargetFunction(
        function=function("probability", logprob=True),
        target_ids=prediction.target_ids,
        contrast_ids=prediction.contrast.target_ids,
        groups=np.array([0, 0, 1, 2]),
    )
    steps = value("probability", prediction, logprob=True)
    np.testing.assert_allclose(target_function.values(prediction.logits), [steps[:2].sum(), steps[2], steps[3]])
    chosen = target_function.select(np.array([0, 2]))
    np.testing.assert_array_equal(target_function.steps_of(np.array([0, 2])), [0, 1, 3])
    np.testing.assert_array_equal(chosen.groups, [0, 0, 1])
    np.testing.assert_array_equal(chosen.contrast_ids, prediction.contrast.target_ids[[0, 1, 3]])
    np.testing.assert_allclose(chosen.values(prediction.logits[[0, 1, 3]]), [steps[:2].sum(), steps[3]])


def test_objective_compares_within_its_own_logits_unless_given_others() -> None:
    prediction = draw(9)
    contrast = prediction.contrast
    target_function = TargetFunction(
        function=function("contrast_logits_diff"),
        target_ids=prediction.target_ids,
        contrast_ids=contrast.target_ids,
    )
    rows = np.arange(STEPS)
    target = prediction.logits[rows, prediction.target_ids]
    within = target - prediction.logits[rows, contrast.target_ids]
    np.testing.assert_allclose(target_function.values(prediction.logits), within)
    forced = attrs.evolve(target_function, contrast_logits=contrast.logits)
    across = target - contrast.logits[rows, contrast.target_ids]
    np.testing.assert_allclose(forced.values(prediction.logits), across)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_page_on_targets_tells_what_functions_are(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text("utf-8").splitlines()
    (row,) = [line for line in page if line.startswith(f"| `{name}`") and line.count("|") == 7]
    _, _, _, settings_, gradient, span = (cell.strip() for cell in row.split("|")[1:-1])
    asked = function(name)
    assert gradient.startswith("yes") == asked.differentiable
    assert span.split(" ")[0] == asked.span_aggregation
    assert all(field.name in settings_ for field in attrs.fields(type(asked)))
