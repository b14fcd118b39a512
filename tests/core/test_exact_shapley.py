import numpy as np
import pytest
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError
from wherefrom.methods import ExactShapley
from wherefrom.progress import no_progress
from wherefrom.testing.induction import induction_model

from tests.core.games import GAMES, game, shapley


@pytest.mark.parametrize("name", GAMES)
def test_values_are_those_of_the_definition(name):
    model, question = game(GAMES[name], 6, steps=3)
    (scores,) = ExactShapley(baseline="unk").attribute(model, [question], no_progress)
    for column, units in enumerate(question.steps):
        np.testing.assert_allclose(scores.target[:units, column], shapley(GAMES[name], units), atol=1e-12)
    assert len(model.ran) == 2**6, "one pass per coalition, whatever the number of steps"


def test_closed_forms():
    model, question = game(GAMES["and"], 8)
    (scores,) = ExactShapley(baseline="unk").attribute(model, [question], no_progress)
    np.testing.assert_allclose(scores.target[:8, 0], 1 / 8)


def test_units_are_players():
    model, question = game(GAMES["and"], 6)
    (scores,) = ExactShapley(units=[(0, 2), (2, 6)], baseline="unk").attribute(model, [question], no_progress)
    np.testing.assert_allclose(scores.target[:6, 0], [1 / 4] * 2 + [1 / 8] * 4)
    assert scores.details["units"] == {"target": [[0, 2], [2, 6]]}


def test_too_many_units_are_refused_before_any_pass():
    model, question = game(GAMES["and"], 13)
    with pytest.raises(InputError, match=r"at most 12 units, and an input has 13.*kernel_shap"):
        ExactShapley(baseline="unk").attribute(model, [question], no_progress)
    assert not model.ran


def test_what_is_refused_has_no_price():
    model = AttributionModel(induction_model())
    words = "cat saw a big dog and cat saw a big dog and cat saw a"
    with pytest.raises(InputError, match=r"at most 12 units, and an input has 15.*kernel_shap"):
        model.cost(words, f"{words} big", "exact_shapley", units="token")
    with pytest.raises(InputError, match=r"and the input 'cat saw a big dog and cat saw a big dog \.\.\.' has 15"):
        model.attribute(["cat saw", words], ["cat saw a", f"{words} big"], "exact_shapley", units="token", batch_size=1)
    few = model.cost(words, f"{words} big", "exact_shapley", units=[(0, 3), (3, 7)])
    assert few[0].forwards == 4
    for ask in (model.cost, model.attribute):
        for budget in (40, 40_000):  # no budget helps
            with pytest.raises(InputError, match=r"at most 12 units, and the largest are 15.*kernel_shap"):
                ask(words, f"{words} big", "exact_shapley", units="token", budget=budget)
        with pytest.raises(SettingsError, match=r"budget=3 is too little: the \d+ largest units cost"):
            ask("cat saw a big dog", "cat saw a big dog and", "exact_shapley", budget=3)
