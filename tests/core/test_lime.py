import numpy as np
import pytest
from wherefrom.errors import SettingsError
from wherefrom.methods import METHODS, Lime
from wherefrom.progress import no_progress
from wherefrom.settings import from_mapping

from tests.core.games import GAMES, game


def test_without_penalty_a_linear_model_gives_back_its_weights():
    model, question = game(GAMES["linear"], 8, steps=3)
    (scores,) = Lime(alpha=0.0, n_samples=40, baseline="unk").attribute(model, [question], no_progress)
    for column, units in enumerate(question.steps):
        np.testing.assert_allclose(scores.target[:units, column], np.arange(1, units + 1), atol=1e-9)
        assert not scores.target[units:, column].any()


def test_fit_is_that_of_another_library():
    from sklearn.linear_model import Ridge

    model, question = game(GAMES["majority"], 6)
    method = Lime(n_samples=30, alpha=0.05, kernel_width=0.4, seed=5, baseline="unk")
    (scores,) = method.attribute(model, [question], no_progress)
    masks = np.random.default_rng(5).random((30, 6)) >= 0.3
    masks[0] = True
    worth = np.array([GAMES["majority"](mask) for mask in masks])
    distance = 1 - masks @ np.ones(6) / np.sqrt(np.maximum(masks.sum(axis=1), 1e-300) * 6)
    weights = np.exp(-((distance / 0.4) ** 2))
    fit = Ridge(alpha=0.05).fit(masks, worth, sample_weight=weights / weights.sum())
    np.testing.assert_allclose(scores.target[:6, 0], fit.coef_, atol=1e-9)


def test_lasso_drops_what_does_not_matter_whatever_the_scale():
    for scale in (1.0, 1e-6):
        model, question = game(lambda there, scale=scale: scale * (5.0 * there[2] - 3.0 * there[4]), 8)
        (scores,) = Lime(surrogate="lasso", alpha=0.005, n_samples=60, baseline="unk").attribute(
            model, [question], no_progress
        )
        np.testing.assert_array_equal(np.flatnonzero(scores.target[:, 0]), [2, 4])
        assert scores.target[2, 0] > 4.3 * scale
        assert scores.target[4, 0] < -2.4 * scale


def test_equal_seeds_give_equal_scores_and_others_do_not():
    model, question = game(GAMES["majority"], 8)
    first, again, other = (
        next(iter(Lime(seed=seed, baseline="unk").attribute(model, [question], no_progress))).target
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_the_seed_of_the_call_is_used_without_one_of_its_own():
    model, question = game(GAMES["majority"], 8, seed=1)
    (given,) = Lime(seed=1, baseline="unk").attribute(model, [question], no_progress)
    (taken,) = Lime(baseline="unk").attribute(model, [question], no_progress)
    np.testing.assert_array_equal(given.target, taken.target)


def test_a_batch_is_its_singles():
    questions = [game(GAMES["majority"], units)[1] for units in (5, 8, 6)]
    model = game(GAMES["majority"], 5)[0]
    together = list(Lime(baseline="unk").attribute(model, questions, no_progress))
    for one, scores in zip(questions, together, strict=True):
        (alone,) = Lime(baseline="unk").attribute(model, [one], no_progress)
        np.testing.assert_array_equal(scores.target, alone.target)


def test_intervals_come_without_further_passes():
    model, question = game(GAMES["majority"], 6)
    (plain,) = Lime(n_bootstrap=0, baseline="unk").attribute(model, [question], no_progress)
    passes = len(model.ran)
    (scores,) = Lime(n_bootstrap=50, baseline="unk").attribute(model, [question], no_progress)
    assert len(model.ran) == 2 * passes
    assert not {"confidence", "standard_error"} & set(plain.details)
    interval = scores.details["confidence"]
    assert (interval["level"], interval["resamples"]) == (0.95, 50)
    low, high = np.array(interval["low"]), np.array(interval["high"])
    assert low.shape == high.shape == (6, 1)
    assert (low < high).all()
    np.testing.assert_array_equal(scores.target, plain.target)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"mask_prob": 0.0}, "mask_prob"),
        ({"surrogate": "forest"}, "surrogate"),
        ({"baseline": "unkown"}, "Did you mean 'unk'"),
        ({"units": "words"}, "Did you mean 'word'"),
        ({"n_sample": 5}, "n_samples"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(SettingsError, match=message):
        from_mapping(METHODS.get("lime"), settings, where="method 'lime'")


def test_settings_from_plain_mappings():
    method = from_mapping(METHODS.get("lime"), {"units": [[0, 2], [2, 3]], "baseline": 7}, where="lime")
    assert method.units == ((0, 2), (2, 3))
    assert method.baseline == 7
    assert from_mapping(METHODS.get("lime"), {"units": "word"}, where="lime").units == "word"
