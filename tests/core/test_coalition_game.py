"""An output as a game of its units."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
import wherefrom
from wherefrom.errors import InputError, ShapeError
from wherefrom.evaluation import coalition_game
from wherefrom.methods import ExactShapley, Interactions, Occlusion
from wherefrom.step_functions.probability import Probability
from wherefrom.testing import ReferenceModel, counting

KINDS = ("decoder-only", "encoder-decoder")


def explained(kind: str, method: object):
    adapter, tally = counting(ReferenceModel(kind))
    model = wherefrom.load_model(adapter)
    asked = {"attributed_fn": Probability(logprob=True)}
    target = "the cat saw a dog" if kind == "decoder-only" else "a dog ran"
    return model, tally, model.attribute("the cat saw a", target, method=method, show_progress=False, **asked)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_shapley_values_of_the_game_are_those_of_the_method(kind: str) -> None:
    model, tally, result = explained(kind, ExactShapley(units="word"))
    game = coalition_game(result, model, units="word")
    n = game.n_units
    coalitions = np.array(list(itertools.product([False, True], repeat=n)))
    before = tally.forward_rows
    worth = {tuple(one): value for one, value in zip(coalitions.tolist(), game(coalitions), strict=True)}
    assert tally.forward_rows - before == game.forwards <= 2**n
    values = []
    for unit in range(n):
        value = 0.0
        for one in coalitions[~coalitions[:, unit]]:
            size = int(one.sum())
            joined = one.copy()
            joined[unit] = True
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            value += weight * (worth[tuple(joined.tolist())] - worth[tuple(one.tolist())])
        values.append(value)
    parts = [part[:, 0] for part in (result.source_attributions, result.target_attributions) if part is not None]
    scores = np.concatenate(parts)
    np.testing.assert_allclose(sorted(values), sorted(scores[scores != 0]), atol=1e-6)
    game(coalitions)
    assert tally.forward_rows - before == game.forwards, "known coalitions are not run again"


def test_pairs_of_the_game_are_those_of_interactions() -> None:
    """By least squares over all coalitions, written out."""
    model, _, result = explained("decoder-only", Interactions(units="word"))
    game = coalition_game(result, model, units="word")
    n = game.n_units
    coalitions = np.array(list(itertools.product([False, True], repeat=n)))
    pairs = list(itertools.combinations(range(n), 2))
    features = np.column_stack(
        [np.ones(len(coalitions)), coalitions, *(coalitions[:, i] & coalitions[:, j] for i, j in pairs)]
    ).astype(float)
    solved = np.linalg.lstsq(features, game(coalitions), rcond=None)[0][1 + n :]
    found = {(one.first.text.strip(), one.second.text.strip()): one.score for one in result.top_pairs(len(pairs))}
    for (i, j), value in zip(pairs, solved, strict=True):
        names = game.unit_names[i].strip(), game.unit_names[j].strip()
        assert found.get(names, found.get(names[::-1])) == pytest.approx(value, abs=1e-6)


def test_a_span_is_worth_the_sum_of_its_steps() -> None:
    model, _, result = explained("encoder-decoder", Occlusion())
    start = result.attr_pos_start
    whole = coalition_game(result, model, span=(start, start + 2), units="token")
    one = coalition_game(result, model, span=(start, start + 1), units="token")
    full = np.ones((1, whole.n_units), bool)
    assert whole(full)[0] < one(full)[0] < 0, "log-probabilities"
    clean = model.attribute(
        "the cat saw a", "a dog ran", method="dummy", step_scores=["probability"], show_progress=False
    )[0]
    expected = np.log(clean.step_scores["probability"])
    assert whole(full)[0] == pytest.approx(expected[:2].sum(), abs=1e-6)


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_a_text_with_tokens_missing_is_not_asked_about(kind: str) -> None:
    """What is left after a slice is another text."""
    model, _, result = explained(kind, Occlusion())
    side = "source_spans" if kind == "encoder-decoder" else "target_spans"
    for span in ((1, 3), (0, 2)):
        with pytest.raises(InputError, match="missing"):
            coalition_game(result.aggregate("slices", **{side: span}), model)


def test_what_is_no_coalition_or_span_is_refused() -> None:
    model, _, result = explained("decoder-only", Occlusion())
    game = coalition_game(result, model, units="word")
    with pytest.raises(ShapeError, match="units"):
        game(np.ones((2, game.n_units + 1), bool))
    with pytest.raises(InputError, match="none of the explained steps"):
        coalition_game(result, model, span=(0, 1))
