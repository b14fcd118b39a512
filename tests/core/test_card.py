"""The card of an explanation, and the check that tells scores from chance."""

from __future__ import annotations

import numpy as np
import pytest
import wherefrom.methods as m
from attrs import evolve
from wherefrom.arrays import FloatArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError
from wherefrom.evaluation.asking import question_of
from wherefrom.methods.checking import _fit, check
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.card import CHANCE, Card, card_of, doubtful
from wherefrom.testing import counting, linear_model
from wherefrom.testing.induction import induction_model

PROMPT = "cat saw a big dog and cat"
TARGET = f"{PROMPT} saw a big dog and"


def explained(method: object = "occlusion", **more: object) -> Attributions:
    """Scores of a model that repeats what stood behind the present token before."""
    model = AttributionModel(induction_model())
    return model.attribute(PROMPT, TARGET, method=method, show_progress=False, check=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs, least, most", [(3, 0.0, 0.0), (4, 0.25, 0.65), (5, 0.9, 1.0), (7, 1.0, 1.0)])
def test_right_scores_of_few_inputs_are_told_as_often_as_is_documented(inputs: int, least: float, most: float) -> None:
    told = []
    for seed in range(40):
        rng = np.random.default_rng([seed, inputs])
        masks = (rng.random((64, inputs)) < 0.5).astype(float)
        scores = rng.exponential(size=inputs)
        told.append(_fit(masks, scores, masks @ scores + 0.3 * rng.normal(size=64), 199, rng)[1] < 0.05)
    assert least <= np.mean(told) <= most


def test_scores_that_are_right_are_told_from_chance() -> None:
    found = explained()[0]
    assert found.step_scores["check_fit"].shape == found.step_scores["check_chance"].shape == (5,)
    assert (found.step_scores["check_fit"] > 0.3).all()
    assert found.step_scores["check_chance"].mean() < 0.15, "with few units, chance does as well now and then"


def test_an_example_tells_its_card_what_it_knows_of_how_it_was_made() -> None:
    found = explained()
    assert found[0].card() == found[0].card(found.provenance)
    assert found[0].card().model
    assert found[0].card().target == "probability"


@pytest.mark.parametrize("loss", ["crossentropy", "perplexity", "surprisal_bits"])
def test_norms_are_sizes_whatever_the_sign_of_what_they_are_taken_of(loss: str) -> None:
    """Of the gradient of a loss and of a probability they are the same, up to a factor of each step."""
    likely, unlikely = (
        explained("saliency", attribution_args={"abs": False}, attributed_fn=function)[0]
        for function in ("probability", loss)
    )
    np.testing.assert_allclose(unlikely.step_scores["check_fit"], likely.step_scores["check_fit"], atol=1e-6)


def noise(like: FloatArray, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=like.shape)


def test_scores_without_knowledge_are_not() -> None:
    """About one in twenty passes, as the level says."""
    model = induction_model()
    result = explained()[0]
    question = question_of(model, result)
    passed = []
    for seed in range(15):
        blind = result.replace(target_attributions=noise(result.target_attributions, seed))
        passed.append((check(model, question, blind).chance < 0.05).mean())
    assert np.mean(passed) < 0.2
    opposite = result.replace(target_attributions=-np.asarray(result.target_attributions))
    assert (check(model, question, opposite).chance > 0.6).all()
    same = result.replace(target_attributions=np.ones_like(result.target_attributions))
    assert (check(model, question, same).chance == 1.0).all()


@pytest.mark.parametrize("score", [-0.0123, 0.1, 1 / 3])
def test_scores_that_are_all_alike_are_never_told_from_chance(score: float) -> None:
    """Their sums differ by rounding alone, which another order of adding up moves."""
    model, result = induction_model(), explained()[0]
    same = result.replace(target_attributions=np.full(np.shape(result.target_attributions), score))
    for seed in range(8):
        question = question_of(model, result, seed=seed)
        assert (check(model, question, same).chance == 1.0).all()


@pytest.mark.parametrize("method", ["occlusion", "saliency"])
def test_a_step_compared_with_itself_is_neither_told_from_chance_nor_not(method: str) -> None:
    other = f"{PROMPT} saw a dog big and"
    results = explained(method, attributed_fn="logprob_diff", contrast_targets=other)
    (found,), fit = results.sequence_attributions, results[0].step_scores["check_fit"]
    differs = [pair["target"] != pair["contrast"] for pair in found.details["contrast"]["pairs"]]
    assert 0 < sum(differs) < len(differs)
    for values in (fit, found.step_scores["check_chance"]):
        np.testing.assert_array_equal(np.isfinite(values), differs)
    card = found.card()
    assert card.checked_steps == sum(differs)
    assert card.fit == pytest.approx(fit[differs].mean())
    again = Attributions.from_bytes(results.to_bytes())
    assert again[0].card(again.provenance) == found.card(results.provenance)
    (same, *_) = np.flatnonzero(np.logical_not(differs)).tolist()
    alone = found.select_steps(same, same + 1).card()
    assert (alone.fit, alone.checked_steps) == (None, 0)
    assert "held against the model, where nothing that was asked for changed" in alone.lines()


def test_tokens_that_were_scored_as_one_are_shuffled_as_one() -> None:
    """Of two units one order in two does as well as any, however many tokens they have."""
    model, result = induction_model(), explained()[0]
    first = result.attr_pos_start
    question = question_of(model, result)
    scores = np.repeat([[0.0], [1.0]], [first - 2, len(result.target) - first + 2], axis=0)
    halves = result.replace(
        target_attributions=np.tile(scores, (1, 5)),
        details={"units": {"target": [[0, first - 2], [first - 2, len(result.target)]]}},
    )
    found = check(model, question, halves)
    assert ((found.chance > 0.4) & (found.chance < 0.6) | (found.chance == 1.0)).all()
    alone = check(model, question, halves.replace(details={}))
    np.testing.assert_allclose(found.fit, alone.fit)
    assert alone.chance.min() < 0.2, "tokens that were scored one by one have more orders"


@pytest.mark.parametrize("function", ["crossentropy", "surprisal_bits", "perplexity"])
def test_functions_that_fall_are_told_from_chance_as_probability_is(function: str) -> None:
    with_probability, found = (explained(attributed_fn=one)[0] for one in ("probability", function))
    assert found.details["check"]["predicts"] == "target"
    assert (found.step_scores["check_fit"] > 0.3).all()
    assert found.card().told_from_chance == with_probability.card().told_from_chance > 0


@pytest.mark.parametrize("function", ["rank", "entropy", "top_p_size"])
def test_functions_of_whole_predictions_are_held_to_themselves(function: str) -> None:
    assert explained(attributed_fn=function)[0].step_scores["check_fit"].mean() > 0.3


@pytest.mark.parametrize("function", ["contrast_prob_diff", "pcxmi", "contrast_logits_diff", "contrast_prob"])
def test_contrasts_are_held_to_their_own_values(function: str) -> None:
    found = explained(attributed_fn=function, contrast_targets=f"{PROMPT} saw a dog big and")[0]
    differs = [
        step for step, pair in enumerate(found.details["contrast"]["pairs"]) if pair["target"] != pair["contrast"]
    ]
    assert differs
    assert (found.step_scores["check_fit"][differs] > 0.1).all()


def test_sizes_are_held_to_the_log_probability() -> None:
    found = explained("saliency", attributed_fn="crossentropy")[0]
    assert found.details["check"]["predicts"] == "log_probability"
    same = explained("saliency", attributed_fn="probability", attributed_fn_args={"logprob": True})[0]
    np.testing.assert_allclose(found.step_scores["check_fit"], same.step_scores["check_fit"])


def test_one_table_of_passes_serves_all_steps() -> None:
    metered, tally = counting(induction_model())
    AttributionModel(metered).attribute(PROMPT, TARGET, method="saliency", show_progress=False)
    before = tally.forward_rows
    AttributionModel(metered).attribute(PROMPT, TARGET, method="saliency", show_progress=False, check=True)
    assert tally.forward_rows - 2 * before <= 65


def test_methods_that_draw_are_held_against_another_seed() -> None:
    steady, rough = (
        explained(m.ShapleyValueSampling(n_samples=size, n_bootstrap=0))[0].step_scores["check_stability"].mean()
        for size in (40, 4)
    )
    assert 1.0 >= steady > rough
    assert "check_stability" not in explained()[0].step_scores


def test_the_card_says_what_is_known() -> None:
    results = explained(m.ShapleyValueSampling(n_samples=40, baseline="delete", n_bootstrap=0), seed=3)
    card = results[0].card(results.provenance)
    assert card.model == "induction head"
    assert card.method == "shapley_value_sampling"
    assert card.settings == {"n_samples": 40, "n_bootstrap": 0}
    assert (card.target, card.steps, card.seed, card.reference) == ("probability", 5, 3, "delete")
    assert card.checked_steps == 5
    assert card.told_from_chance == 5 - sum(doubtful(results[0].step_scores[CHANCE], 5)) > 0
    assert card.fit is not None
    assert card.fit > 0.3
    assert card.stability is not None
    text = "\n".join(card.lines())
    for part in (
        "induction head",
        "probability of 5 steps",
        "delete",
        "seed: 3",
        f"{card.told_from_chance} of 5 steps told from chance",
        "64 random",
    ):
        assert part in text


def test_the_completeness_gap_and_the_standard_error_are_on_it() -> None:
    model = AttributionModel(linear_model())
    gradients = model.attribute(PROMPT, TARGET, method="integrated_gradients", show_progress=False)
    card = gradients[0].card(gradients.provenance)
    assert card.completeness_gap == pytest.approx(max(gradients[0].details["completeness_gap"]))
    assert card.reference == "unk"
    assert "check=True" in card.lines()[-1]
    sampled = model.attribute(PROMPT, TARGET, method=m.KernelShap(n_samples=200, baseline="unk"), show_progress=False)[
        0
    ].card()
    assert sampled.standard_error is not None
    assert sampled.standard_error > 0


def error_of(result: Attribution) -> float:
    """The largest standard error as a part of the largest score of a unit, worst step."""
    shares = []
    for step in range(result.attr_pos_end - result.attr_pos_start):
        scores = [
            np.asarray(getattr(result, f"{side}_attributions"))[start:end, step].sum()
            for side, spans in result.details["units"].items()
            for start, end in spans
        ]
        errors = np.array(result.details["standard_error"])[:, step]
        shares.append(errors.max() / np.abs(scores).max())
    return float(max(shares))


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize(
    "method",
    [m.KernelShap(n_samples=16), m.ShapleyValueSampling(n_samples=4), m.KernelShap(n_samples=40, budget=30)],
    ids=lambda method: f"{method.identifier}-{method.n_samples}-{method.budget}",
)
def test_a_standard_error_is_held_against_the_scores_themselves(method: m.KernelShap) -> None:
    result = explained(evolve(method, baseline="delete", units="word"))[0]
    assert result.details["largest_score"]
    assert result.card().standard_error == pytest.approx(error_of(result), rel=1e-6)
    assert result.aggregate().card().standard_error == pytest.approx(error_of(result), rel=1e-6)


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
def test_the_standard_error_of_gradient_shap_is_on_it() -> None:
    model = AttributionModel(linear_model())
    drawn = m.GradientShap(n_samples=6, stdevs=0.3)
    out = model.attribute(PROMPT, TARGET, method=drawn, show_progress=False)[0]
    errors = np.array(out.details["standard_error"]["target"]).max(axis=0)
    largest = np.abs(np.asarray(out.target_attributions).sum(axis=-1)).max(axis=0)
    for one in (out, out.aggregate()):
        assert one.card().standard_error == pytest.approx((errors / largest).max(), rel=1e-4)
    assert "standard error" in out.card().brief()
    single = model.attribute(PROMPT, TARGET, method=m.GradientShap(n_samples=1), show_progress=False)[0]
    assert "standard error: not a finite number" in single.card().lines()


def test_a_gap_that_is_no_number_is_not_hidden_by_others() -> None:
    out = AttributionModel(linear_model()).attribute(
        PROMPT, TARGET, method="integrated_gradients", show_progress=False
    )[0]
    gaps = out.details["completeness_gap"]
    for gap in (None, float("nan")):
        card = out.replace(details={**out.details, "completeness_gap": [*gaps[:-1], gap]}).card()
        assert card.completeness_gap is not None
        assert np.isnan(card.completeness_gap)
        assert "completeness gap not a finite number" in card.brief()
        assert "completeness gap: not a finite number" in card.lines()


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("own, shown", [(5, 5), (0, 0), (None, 3)])
def test_the_seed_is_the_one_that_was_drawn_with(own: int | None, shown: int) -> None:
    drawn = m.Lime(seed=own, n_samples=20, baseline="unk")
    made = AttributionModel(linear_model()).attribute(PROMPT, TARGET, method=drawn, seed=3, show_progress=False)
    card = made[0].card(made.provenance)
    assert card.seed == shown
    assert f"seed: {shown}" in card.lines()


def test_a_result_alone_has_a_card_too() -> None:
    (result,) = explained().sequence_attributions
    assert isinstance(result, Attribution)
    assert card_of(result).model == ""
    assert isinstance(result.card(), Card)


def test_what_was_checked_survives_slices_words_and_files() -> None:
    results = explained()
    one = results[0].select_steps(0, 2)
    assert one.card().checked_steps == 2
    words = results[0].aggregate("subwords")
    assert words.card().checked_steps == words.attr_pos_end - words.attr_pos_start
    again = Attributions.from_bytes(results.to_bytes())
    assert again[0].card(again.provenance) == results[0].card(results.provenance)
    assert again.provenance.arguments["check"] is True


def test_a_wrong_wish_is_refused() -> None:
    with pytest.raises(SettingsError, match="check"):
        AttributionModel(linear_model()).attribute(PROMPT, TARGET, method="saliency", check="yes", show_progress=False)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="single steps"):
        AttributionModel(linear_model()).attribute(
            PROMPT, TARGET, method="saliency", attributed_span="all", check=True, show_progress=False
        )
