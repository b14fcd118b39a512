"""Every method finds what is known, as far as it claims to; broken ones are caught."""

from __future__ import annotations

import numpy as np
import pytest
import wherefrom.methods as m
from wherefrom.arrays import FloatArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import UnknownNameError
from wherefrom.evaluation.verify import BREAKS, TRUTHS, Broken, verify, verify_all
from wherefrom.evaluation.verify.games import GAMES
from wherefrom.evaluation.verify.published import counter_example, toy_network
from wherefrom.methods import METHODS
from wherefrom.testing.games import FIRST, coalitions, game_model, leave_one_out_values, shapley_values
from wherefrom.testing.induction import induction_model

OURS = (
    "copies",
    "copies (encoder-decoder)",
    "adds up",
    "adds up (encoder-decoder)",
    "counter-example f",
    "counter-example g",
    "games",
    "induction head",
    "toy network",
)
"""Those of this package; adapters bring others."""
CLAIM_NOTHING = ("reagent", "vargrad")
"""The one draws what it puts in place of tokens; the other is a variance of gradients."""


def test_the_known_answers_are_registered() -> None:
    assert set(OURS) <= set(TRUTHS)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "dummy"])
def test_every_method_gives_the_known_answers(name: str) -> None:
    for one in verify(name, truths=OURS):
        assert one.passed is not False or name in CLAIM_NOTHING, one
        assert one.passed is not None or one.why, one


def test_a_method_without_scores_does_not_pass() -> None:
    assert [one.passed for one in verify("dummy", truths=["copies"])] == [False]


def test_several_methods_are_put_to_some_answers_under_names_of_their_own() -> None:
    truth = next(iter(TRUTHS))
    found = verify_all({"a": m.Dummy(), "b": "dummy"}, truths=[truth], show_progress=False)
    assert [(one.method, one.truth) for one in found] == [("a", truth), ("b", truth)]
    with pytest.raises(UnknownNameError):
        verify_all([], truths=["nothing"], show_progress=False)


def test_an_unknown_answer_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="copies"):
        verify("saliency", truths=["copied"])


@pytest.mark.parametrize("way", BREAKS)
@pytest.mark.parametrize(
    "method",
    [m.InputXGradient(), m.Occlusion(), m.IntegratedGradients()],
    ids=lambda one: one.identifier,
)
def test_a_broken_method_is_caught(method: object, way: str) -> None:
    whole = {one.truth for one in verify(method, truths=OURS) if one.passed}  # type: ignore[arg-type]
    broken = verify(Broken(method=method, way=way), truths=sorted(whole))
    assert all(not one.why for one in broken), "it was tested, not refused"
    assert any(one.passed is False for one in broken)


@pytest.mark.parametrize("way", ["shuffled", "constant"])
def test_a_broken_attention_method_is_caught(way: str) -> None:
    assert [one.passed for one in verify("attention_rollout", truths=["induction head"])] == [True]
    broken = Broken(method=m.AttentionRollout(), way=way)
    assert [one.passed for one in verify(broken, truths=["induction head"])] == [False]


def scores(model: object, prompt: str, method: object, answer: str = "sat") -> FloatArray:
    asked = AttributionModel(model)  # type: ignore[arg-type]
    result = asked.attribute(prompt, f"{prompt} {answer}", method=method, attributed_fn="logit", show_progress=False)  # type: ignore[arg-type]
    found = result[0].target_attributions
    assert found is not None
    return np.asarray(found[FIRST:-1, -1]).reshape(len(prompt.split()), -1).sum(axis=1)


def test_the_published_counter_example() -> None:
    """Two networks of one function: integrated gradients agree, DeepLIFT does not."""
    f, g = counter_example(shift_first=False), counter_example(shift_first=True)
    gradients = m.IntegratedGradients(baseline="zero", n_steps=500)
    assert scores(f, "cat dog", gradients) == pytest.approx([1.5, -0.5], abs=5e-3)
    assert scores(g, "cat dog", gradients) == pytest.approx([1.5, -0.5], abs=5e-3)
    lift = m.DeepLift(baseline="zero")
    assert scores(f, "cat dog", lift) == pytest.approx([1.5, -0.5], abs=1e-9)
    assert scores(g, "cat dog", lift) == pytest.approx([2.0, -1.0], abs=1e-9)


@pytest.mark.parametrize(
    "method, first, second",
    [
        (m.IntegratedGradients(baseline="zero", n_steps=100), [-0.5922, -1.5497, -1.0067], [0, -0.2219, -5.1991]),
        (m.DeepLift(baseline="zero"), [-0.5922, -1.5497, -1.0067], [0, -0.2219, -5.1991]),
        (m.ExactShapley(baseline="zero"), [-0.3406, -1.5497, -1.2584], [-0.6886, -0.2219, -4.5106]),
        (m.FeatureAblation(baseline="zero"), [-0.0889, -1.5497, -1.0067], [0, -0.2219, -3.8220]),
    ],
    ids=lambda one: getattr(one, "identifier", ""),
)
def test_the_published_toy_network(method: object, first: list[float], second: list[float]) -> None:
    model = toy_network()
    assert scores(model, "the cat saw", method) == pytest.approx(first, abs=3e-4)
    assert scores(model, "a dog and", method) == pytest.approx(second, abs=3e-4)


def test_shapley_values_by_their_definition() -> None:
    """An AND shares equally, a dictator takes all, a dummy nothing; gloves: two left, one right."""
    both = np.array([float(row[[0, 2]].all()) for row in coalitions(3)])
    assert shapley_values(both) == pytest.approx([0.5, 0.0, 0.5])
    dictator = np.array([float(row[1]) for row in coalitions(3)])
    assert shapley_values(dictator) == pytest.approx([0.0, 1.0, 0.0])
    gloves = np.array([float(row[2] and (row[0] or row[1])) for row in coalitions(3)])
    assert shapley_values(gloves) == pytest.approx([1 / 6, 1 / 6, 4 / 6])
    assert leave_one_out_values(gloves) == pytest.approx([0.0, 0.0, 1.0])


@pytest.mark.parametrize("name", GAMES)
def test_shapley_methods_agree_to_many_digits(name: str) -> None:
    """KernelSHAP with all coalitions, exact values, and integrated gradients of the multilinear extension."""
    prompt = "the cat saw a dog"
    model = game_model(GAMES[name], prompt, "sat", name=name)
    known = shapley_values(np.array([GAMES[name](row) for row in coalitions(5)]))
    assert known.sum() == pytest.approx(GAMES[name](np.ones(5, bool)) - GAMES[name](np.zeros(5, bool)))
    assert scores(model, prompt, m.ExactShapley(baseline="zero")) == pytest.approx(known, abs=1e-9)
    assert scores(model, prompt, m.KernelShap(baseline="zero", n_samples=62)) == pytest.approx(known, abs=1e-6)
    assert scores(model, prompt, m.IntegratedGradients(baseline="zero", n_steps=64)) == pytest.approx(known, abs=1e-3)


def test_the_induction_head_repeats_what_it_read() -> None:
    model = AttributionModel(induction_model())
    said = model.generate("cat saw a big dog and cat", max_new_tokens=4)
    assert said == ["cat saw a big dog and cat saw a big dog"]
