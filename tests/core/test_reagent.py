import numpy as np
import pytest
from attrs import evolve
from wherefrom.errors import SettingsError, UnknownNameError
from wherefrom.methods import Reagent
from wherefrom.progress import no_progress
from wherefrom.testing import ReferenceModel, counting, question, shift_copy_model

KINDS = ("decoder-only", "encoder-decoder")
QUICK = Reagent(sampler="uniform", keep_top_n=1, stopping_condition_top_k=1, max_probe_steps=60)


def copying(kind):
    model = shift_copy_model(kind, shift=2)
    if kind == "decoder-only":
        return model, question(model, "dog cat dog cat dog cat", "dog cat dog")
    return model, question(model, "dog cat dog cat", "a dog cat dog")


@pytest.mark.parametrize("sampler", ["uniform", "model", "unigram:a cat sat on the mat and a dog slept"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_copied_token_is_found(kind, sampler):
    model, asked = copying(kind)
    (scores,) = evolve(QUICK, sampler=sampler).attribute(model, [asked], no_progress)
    where = scores.target if kind == "decoder-only" else scores.source
    for column, step in enumerate(asked.steps):
        if kind == "decoder-only" or 2 <= step < 5:
            assert where[:, column].argmax() == step - 2
            assert where[step - 2, column] > 0.3


@pytest.mark.parametrize("attribute_target", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_shares_of_one(kind, attribute_target):
    model = ReferenceModel(kind)
    asked = question(
        model, "the cat sat on", "a dog slept", attribute_target=kind == "decoder-only" or attribute_target
    )
    method = Reagent(max_probe_steps=5, stopping_condition_top_k=5, sampler="uniform")
    (scores,) = method.attribute(model, [asked], no_progress)
    parts = [part for part in (scores.source, scores.target) if part is not None]
    assert (scores.target is None) == (kind == "encoder-decoder" and not attribute_target)
    assert all((part >= 0).all() for part in parts)
    np.testing.assert_allclose(sum(part.sum(axis=0) for part in parts), 1.0)
    if scores.target is not None:
        assert not scores.target[np.arange(len(scores.target))[:, None] >= asked.steps].any()
        assert not scores.target[asked.kept_target].any()


def test_when_no_probe_stops_all_are_averaged_with_a_warning():
    model = ReferenceModel()
    asked = question(model, "the cat sat on", "a dog")
    (ranked,) = model.predict([asked.row()])
    least = ranked.logits.argmin(axis=1)
    asked = evolve(asked, target_function=evolve(asked.target_function, target_ids=least))
    method = Reagent(sampler="uniform", max_probe_steps=2, keep_top_n=6, stopping_condition_top_k=1)
    (scores,) = method.attribute(model, [asked], no_progress)
    assert scores.details["stopped"] == [0, 0]
    assert np.isfinite(scores.target).all()
    np.testing.assert_allclose(scores.target.sum(axis=0), 1.0)
    (warning,) = scores.warnings
    steps = ", ".join(f"step {step} ({asked.target_tokens[step].text!r})" for step in asked.steps)
    assert f"no probe stopped within 2 rounds at {steps};" in warning


@pytest.mark.parametrize(
    "settings, advice",
    [
        ({"keep_top_n": 6}, "raise keep_top_n."),
        ({"keep_top_n": 0, "keep_ratio": 0.9}, "raise keep_ratio."),
        ({"keep_top_n": 2, "invert_keep": True}, "lower keep_top_n."),
    ],
)
def test_what_is_advised_makes_probes_stop(settings, advice):
    """What is kept is in place, or with invert_keep is replaced: then less of it is easier."""
    model = ReferenceModel()
    asked = question(model, "the cat sat on", "a dog")
    (ranked,) = model.predict([asked.row()])
    asked = evolve(asked, target_function=evolve(asked.target_function, target_ids=ranked.logits.argmin(axis=1)))
    method = Reagent(sampler="uniform", max_probe_steps=2, stopping_condition_top_k=1, **settings)
    (scores,) = method.attribute(model, [asked], no_progress)
    (warning,) = scores.warnings
    assert warning.endswith(f"Raise max_probe_steps or stopping_condition_top_k, or {advice}")


def test_a_target_that_is_first_anyway_stops_at_once():
    model, asked = copying("decoder-only")
    method = Reagent(sampler="uniform", keep_top_n=50)
    meter, tally = counting(model)
    (scores,) = method.attribute(meter, [asked], no_progress)
    assert scores.details["rounds"] == 1
    assert scores.details["stopped"] == [16] * len(asked.steps)
    assert tally.forward_rows == scores.details["forwards"] <= 1 + 16
    assert not scores.warnings


def test_equal_seeds_give_equal_scores_whatever_the_batch():
    model, asked = copying("decoder-only")
    other = question(model, "cat dog", "cat dog")
    (alone,) = QUICK.attribute(model, [asked], no_progress)
    _, together = QUICK.attribute(model, [other, asked], no_progress)
    (different,) = evolve(QUICK, seed=9).attribute(model, [asked], no_progress)
    np.testing.assert_array_equal(alone.target, together.target)
    assert np.abs(alone.target - different.target).max() > 1e-3


def test_inverted_keeping_replaces_the_most_important():
    model, asked = copying("decoder-only")
    inverted = evolve(QUICK, invert_keep=True, keep_top_n=1, max_probe_steps=3)
    (scores,) = inverted.attribute(model, [asked], no_progress)
    assert max(scores.details["stopped"]) > 0
    # with the copied token itself replaced the target cannot be first, so only wrong guesses stop
    columns = np.arange(len(asked.steps))
    assert (scores.target[asked.steps - 2, columns] < 1 / 3).all()


def test_a_span_is_one_output():
    model, asked = copying("decoder-only")
    whole = evolve(asked, target_function=evolve(asked.target_function, groups=np.zeros(len(asked.steps), np.int64)))
    (scores,) = evolve(QUICK, keep_top_n=4).attribute(model, [whole], no_progress)
    assert scores.target.shape == (len(asked.target_ids), 1)
    np.testing.assert_allclose(scores.target.sum(), 1.0)
    best = np.argsort(-scores.target[:, 0])[:3]
    assert set(best) == set(asked.steps - 2)


def test_units_are_replaced_together():
    model, asked = copying("decoder-only")
    (scores,) = evolve(QUICK, units=[(0, 3), (3, 6), (6, 9)]).attribute(model, [asked], no_progress)
    np.testing.assert_allclose(scores.target[0], scores.target[2])
    assert scores.details["units"] == {"target": [[0, 3], [3, 6], [6, 9]]}


def test_settings_are_checked():
    with pytest.raises(SettingsError, match="keep_ratio is needed"):
        Reagent(keep_top_n=0)
    assert Reagent(keep_top_n=0, keep_ratio=0.25).kept(6) == 2
    assert Reagent().kept(3) == 3
    model, asked = copying("decoder-only")
    with pytest.raises(UnknownNameError, match="Did you mean 'uniform'"):
        Reagent(sampler="unifrom").attribute(model, [asked], no_progress)
    with pytest.raises(SettingsError, match="needs its text"):
        Reagent(sampler="unigram").attribute(model, [asked], no_progress)
    with pytest.raises(SettingsError, match="takes no argument"):
        Reagent(sampler="uniform:3").attribute(model, [asked], no_progress)


def test_a_budget_is_kept_and_a_large_one_changes_nothing():
    model, tally = counting(ReferenceModel())
    asked = question(model, "the cat sat on", "a dog")
    method = Reagent(sampler="uniform", max_probe_steps=30, num_probes=4, keep_top_n=0, keep_ratio=0.1)
    (whole,) = method.attribute(model, [asked], no_progress)
    whole_cost = tally.forward_rows
    (same,) = evolve(method, budget=10**8).attribute(model, [asked], no_progress)
    np.testing.assert_array_equal(same.target, whole.target)
    for budget in (13, 30, whole_cost - 1):
        before = tally.forward_rows
        short = evolve(method, budget=budget)
        (found,) = short.attribute(model, [asked], no_progress)
        assert tally.forward_rows - before <= short.cost(asked).forwards <= budget
        assert 1 <= found.details["rounds"] < whole.details["rounds"]
    with pytest.raises(SettingsError, match="less than one round"):
        list(evolve(method, budget=12).attribute(model, [asked], no_progress))


def test_a_budget_that_ended_the_search_is_named():
    model = ReferenceModel()
    asked = question(model, "the cat sat on", "a dog")
    (ranked,) = model.predict([asked.row()])
    least = ranked.logits.argmin(axis=1)
    asked = evolve(asked, target_function=evolve(asked.target_function, target_ids=least))
    method = Reagent(sampler="uniform", num_probes=4, keep_top_n=6, stopping_condition_top_k=1, budget=40)
    (scores,) = method.attribute(model, [asked], no_progress)
    assert any("Raise budget" in note for note in scores.warnings)
