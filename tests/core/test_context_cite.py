from functools import partial

import numpy as np
from attrs import evolve
from wherefrom.methods import ContextCite
from wherefrom.methods.context_cite import log_odds
from wherefrom.methods.perturbation.ablation import LOG_PROBABILITY, ablate
from wherefrom.methods.perturbation.surrogates import lasso
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress

from tests.core.games import GAMES, game


def cues(there, strength=4.0):
    return strength * float(there[1]) - 3.0


def test_only_the_cue_is_cited():
    model, question = game(cues, 8)
    (scores,) = ContextCite(alpha=0.05, baseline="unk").attribute(model, [question], no_progress)
    np.testing.assert_array_equal(np.flatnonzero(scores.target[:, 0]), [1])
    # log-odds against 39 other tokens of logit 0 rise by the strength; the penalty takes alpha / std of the mask
    assert 3.8 < scores.target[1, 0] < 4.0


def test_what_was_said_before_is_no_context():
    model, question = game(lambda there: 0.1 * GAMES["linear"](there), 8, steps=4)
    (scores,) = ContextCite(n_samples=200, baseline="unk").attribute(model, [question], no_progress)
    first = question.steps[0]
    assert not scores.target[first:].any()
    assert (scores.target[1:first] > 0).all()


def test_a_span_is_one_response_with_a_penalty_per_token():
    model, question = game(partial(cues, strength=2.0), 6, steps=3)
    whole = evolve(question, target_function=evolve(question.target_function, groups=np.zeros(3, np.int64)))
    (scores,) = ContextCite(alpha=0.1, seed=2, baseline="unk").attribute(model, [whole], no_progress)
    units = units_of(question, generated=False)
    masks = np.random.default_rng(2).random((64, len(units))) < 0.5
    table = ablate(model, question, units, masks)
    odds = log_odds(table.values_of(masks, LOG_PROBABILITY).sum(axis=1, keepdims=True))
    expected = lasso(masks.astype(float), odds, np.ones(64), 0.3, standardize=True)
    np.testing.assert_allclose(scores.target[: len(units)], expected, atol=1e-9)
    assert scores.target.shape == (7, 1)


def test_log_odds_of_certainty_are_finite():
    values = log_odds(np.array([0.0, np.log(0.5), -800.0]))
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[1], 0.0, atol=1e-12)
    np.testing.assert_allclose(values[2], -800.0)


def test_a_span_of_a_table_has_the_penalty_of_its_tokens():
    model, question = game(partial(cues, strength=2.0), 6, steps=3)
    whole = evolve(question, target_function=evolve(question.target_function, groups=np.zeros(3, np.int64)))
    method = ContextCite(n_samples=64, alpha=0.1, baseline="unk")
    (scores,) = method.attribute(model, [evolve(whole, seed=0)], no_progress)
    units = units_of(question, generated=False)
    masks = method.plan(units, np.random.default_rng(0))
    table = ablate(model, question, units, masks)
    solved = table.solve(method, masks=masks, spans=[(int(question.steps[0]), int(question.steps[-1]) + 1)])
    positions = [unit.start for unit in units.members]
    np.testing.assert_allclose(solved[:, 0], scores.target[positions, 0], atol=1e-9)
