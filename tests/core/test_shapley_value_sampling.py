import numpy as np
import pytest
from wherefrom.methods import ShapleyValueSampling
from wherefrom.progress import no_progress

from tests.core.games import GAMES, game, shapley, shapley_of_many


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("name", GAMES)
def test_scores_sum_to_the_game_and_come_near_its_values(name, antithetic):
    model, question = game(GAMES[name], 6, steps=2)
    method = ShapleyValueSampling(n_samples=400, antithetic=antithetic, baseline="unk")
    (scores,) = method.attribute(model, [question], no_progress)
    for column, units in enumerate(question.steps):
        expected = shapley(GAMES[name], units)
        np.testing.assert_allclose(scores.target[:, column].sum(), expected.sum(), atol=1e-9)
        # the standard deviation of one order's gain is at most 1 in these games: 4 standard errors
        np.testing.assert_allclose(scores.target[:units, column], expected, atol=4 / np.sqrt(400))


def test_one_order_of_a_linear_game_is_exact():
    model, question = game(GAMES["linear"], 9, steps=3)
    (scores,) = ShapleyValueSampling(n_samples=1, antithetic=False, baseline="unk").attribute(
        model, [question], no_progress
    )
    for column, units in enumerate(question.steps):
        np.testing.assert_allclose(scores.target[:units, column], np.arange(1, units + 1))


def test_an_order_and_its_reverse_cancel_pairs():
    model, question = game(lambda there: float(there[0] and there[5]), 6)
    (scores,) = ShapleyValueSampling(n_samples=2, baseline="unk").attribute(model, [question], no_progress)
    np.testing.assert_allclose(scores.target[:6, 0], [0.5, 0, 0, 0, 0, 0.5])


def test_intervals_hold_the_truth_and_shrink():
    def worth(there):
        return float(np.sqrt(np.arange(1, 13) @ there))

    model, question = game(worth, 12)  # 4,096 coalitions: more than 300 orders need
    truth = shapley_of_many(worth, 12)
    widths = []
    for n_samples in (30, 300):
        method = ShapleyValueSampling(n_samples=n_samples, n_bootstrap=300, confidence=0.999, seed=1, baseline="unk")
        (scores,) = method.attribute(model, [question], no_progress)
        interval = scores.details["confidence"]
        low, high = np.array(interval["low"])[:, 0], np.array(interval["high"])[:, 0]
        assert (low <= truth).all()
        assert (truth <= high).all()
        widths.append((high - low).mean())
    assert widths[1] < widths[0] / 2
