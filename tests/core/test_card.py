"""The card of an explanation, and the check that tells scores from chance."""

from __future__ import annotations

import numpy as np
import pytest
import wherefrom.methods as m
from wherefrom.arrays import FloatArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError
from wherefrom.evaluation.asking import question_of
from wherefrom.methods.checking import check
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.card import Card, card_of, doubtful_steps
from wherefrom.testing import counting, linear_model, shift_copy_model

PROMPT = "the cat saw a big dog on the old mat and he"
TARGET = f"{PROMPT} sat in the house"


def explained(method: object = "input_x_gradient", **more: object) -> Attributions:
    """Scores of a model that adds its tokens up, in units of the logit."""
    model = AttributionModel(linear_model())
    return model.attribute(
        PROMPT, TARGET, method=method, attributed_fn="logit", show_progress=False, check=True, **more
    )  # type: ignore[arg-type]


def test_scores_that_are_right_are_told_from_chance() -> None:
    found = explained()[0]
    assert found.step_scores["check_fit"].shape == found.step_scores["check_chance"].shape == (4,)
    assert (found.step_scores["check_fit"] > 0.5).all()
    assert not any(doubtful_steps(found))


def noise(like: FloatArray, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=like.shape)


def test_scores_without_knowledge_are_not() -> None:
    """About one in twenty passes, as the level says."""
    model = linear_model()
    result = explained()[0].aggregate("sum")
    question = question_of(model, result)
    passed = []
    for seed in range(15):
        blind = result.replace(target_attributions=noise(result.target_attributions, seed))
        passed.append((check(model, question, blind).chance < 0.05).mean())
    assert np.mean(passed) < 0.2
    opposite = result.replace(target_attributions=-np.asarray(result.target_attributions))
    assert (check(model, question, opposite).chance > 0.9).all()
    same = result.replace(target_attributions=np.ones_like(result.target_attributions))
    assert (check(model, question, same).chance == 1.0).all()


def test_one_table_of_passes_serves_all_steps() -> None:
    metered, tally = counting(linear_model())
    AttributionModel(metered).attribute(PROMPT, TARGET, method="input_x_gradient", show_progress=False)
    before = tally.forward_rows
    AttributionModel(metered).attribute(PROMPT, TARGET, method="input_x_gradient", show_progress=False, check=True)
    assert tally.forward_rows - 2 * before <= 33


def test_methods_that_draw_are_held_against_another_seed() -> None:
    steady = explained(m.ShapleyValueSampling(n_samples=4, baseline="zero"))[0]
    assert (steady.step_scores["check_stability"] > 0.9).all(), "on a model that adds up, every order says the same"
    rough = explained(m.KernelShap(n_samples=20, n_bootstrap=0))[0]
    assert (rough.step_scores["check_stability"] < 0.999).all()
    assert "check_stability" not in explained()[0].step_scores


def test_a_copying_model_s_source_is_found() -> None:
    model = AttributionModel(shift_copy_model("encoder-decoder"))
    found = model.attribute(
        "the cat saw a dog and he sat",
        method="occlusion",
        attributed_fn="logit",
        show_progress=False,
        check=True,
        attr_pos_start=2,
        generation_args={"max_new_tokens": 6},
    )[0]
    assert not any(doubtful_steps(found))


def test_the_card_says_what_is_known() -> None:
    results = explained(m.ShapleyValueSampling(n_samples=4, baseline="zero"), seed=3)
    card = results[0].card(results.provenance)
    assert card.model == "linear (decoder-only)"
    assert card.method == "shapley_value_sampling"
    assert card.settings == {"n_samples": 4, "baseline": "zero"}
    assert (card.target, card.steps, card.seed, card.reference) == ("logit", 4, 3, "zero")
    assert card.checked_steps == card.told_from_chance == 4
    assert card.fit is not None
    assert card.fit > 0.5
    assert card.stability is not None
    text = "\n".join(card.lines())
    for part in (
        "linear (decoder-only)",
        "logit of 4 steps",
        "zero",
        "seed: 3",
        "4 of 4 steps told from chance",
        "32 random",
    ):
        assert part in text


def test_the_completeness_gap_and_the_standard_error_are_on_it() -> None:
    model = AttributionModel(linear_model())
    gradients = model.attribute(PROMPT, TARGET, method="integrated_gradients", show_progress=False)
    card = gradients[0].card(gradients.provenance)
    assert card.completeness_gap == pytest.approx(max(gradients[0].details["completeness_gap"]))
    assert card.reference == "unk"
    assert "check=True" in card.lines()[-1]
    sampled = model.attribute(PROMPT, TARGET, method=m.KernelShap(n_samples=60), show_progress=False)[0].card()
    assert sampled.standard_error is not None
    assert sampled.standard_error > 0


def test_a_result_alone_has_a_card_too() -> None:
    result = explained()[0]
    assert isinstance(result, Attribution)
    assert card_of(result).model == ""
    assert isinstance(result.card(), Card)


def test_what_was_checked_survives_slices_words_and_files() -> None:
    results = explained()
    one = results[0].select_steps(1, 3)
    assert one.card().checked_steps == 2
    words = results[0].aggregate("sum").aggregate("subwords")
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
