import numpy as np
import pytest
from wherefrom.errors import InputError
from wherefrom.methods import ExactShapley, KernelShap
from wherefrom.methods.perturbation.ablation import ablate
from wherefrom.methods.perturbation.kernel import drawn_sizes
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress

from tests.core.games import GAMES, game, shapley


@pytest.mark.parametrize("name", GAMES)
def test_all_coalitions_give_the_shapley_values(name):
    model, question = game(GAMES[name], 5)
    (scores,) = KernelShap(n_samples=32).attribute(model, [question], no_progress)
    np.testing.assert_allclose(scores.target[:5, 0], shapley(GAMES[name], 5), atol=1e-8)


@pytest.mark.parametrize("name", GAMES)
def test_every_step_solves_its_own_game(name):
    model, question = game(GAMES[name], 6, steps=4)
    (scores,) = KernelShap(n_samples=64).attribute(model, [question], no_progress)
    for column, units in enumerate(question.steps):
        np.testing.assert_allclose(scores.target[:units, column], shapley(GAMES[name], units), atol=1e-8)
        assert not scores.target[units:, column].any()


@pytest.mark.parametrize("steps", [1, 5])
def test_samples_come_near_the_shapley_values(steps):
    def worth(there):
        return GAMES["majority"](there) + 0.3 * GAMES["linear"](there) + 2.0 * float(there[0] and there[-1])

    model, question = game(worth, 10, steps=steps)
    (exact,) = ExactShapley().attribute(model, [question], no_progress)
    errors = []
    for n_samples in (60, 600):
        (scores,) = KernelShap(n_samples=n_samples, seed=3).attribute(model, [question], no_progress)
        errors.append(np.abs(scores.target - exact.target).max())
        total = scores.target.sum(axis=0)
        np.testing.assert_allclose(total, exact.target.sum(axis=0), atol=1e-8)
    assert errors[1] < 0.12
    assert errors[1] < errors[0]


def test_samples_of_a_linear_game_are_exact():
    model, question = game(GAMES["linear"], 12, steps=5)
    (scores,) = KernelShap(n_samples=80).attribute(model, [question], no_progress)
    for column, units in enumerate(question.steps):
        np.testing.assert_allclose(scores.target[:units, column], np.arange(1, units + 1), atol=1e-8)


def test_the_budget_is_kept():
    model, question = game(GAMES["majority"], 12)
    list(KernelShap(n_samples=50).attribute(model, [question], no_progress))
    assert len(model.ran) <= 50


def test_foreign_masks_without_the_empty_coalition_are_refused():
    model, question = game(GAMES["or"], 4)
    table = ablate(model, question, units_of(question), np.eye(4, dtype=bool))
    with pytest.raises(InputError, match="its own plan"):
        table.solve(KernelShap())


def test_one_player_takes_all():
    model, question = game(GAMES["or"], 1)
    (scores,) = KernelShap().attribute(model, [question], no_progress)
    np.testing.assert_allclose(scores.target[:, 0], [1.0, 0.0])


@pytest.mark.parametrize("seen", [1, 4, 9])
def test_weights_know_how_often_sizes_are_drawn(seen):
    _, question = game(GAMES["or"], 9)
    many = np.concatenate(
        [KernelShap(n_samples=402).plan(units_of(question), np.random.default_rng(s))[2:] for s in range(50)]
    )
    sizes = np.bincount(many[:, :seen].sum(axis=1), minlength=seen + 1) / len(many)
    expected = drawn_sizes(seen, 9, complete=False)
    drawable = sizes > 0
    # 10,000 independent pairs: 5 standard errors of a frequency are at most 0.025
    np.testing.assert_allclose(sizes[drawable], expected[drawable], atol=0.025)
