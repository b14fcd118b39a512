"""A budget of forwards: all at once where it does, else large units first, and what is found adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from wherefrom.arrays import to_numpy
from wherefrom.errors import SettingsError
from wherefrom.methods import (
    METHODS,
    ExactShapley,
    FeatureAblation,
    Interactions,
    KernelShap,
    Lime,
    Occlusion,
    ShapleyValueSampling,
)
from wherefrom.methods.perturbation.coarse_to_fine import _adding_up, _Piece
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress
from wherefrom.testing import counting, question
from wherefrom.text.tokens import Segment, Token

from tests.laws.claims import CLAIMS
from tests.laws.models import model_of, require_same, scores

NAMES = ("context_cite", "feature_ablation", "kernel_shap", "lime", "occlusion", "shapley_value_sampling")
TEXT = ("The cat saw a dog. It was old and small. A bird sat on the mat. The house was red.", " It ran.")


def asked(model: Any, **changes: Any) -> Any:
    return evolve(question(model, *TEXT), **changes)


@pytest.mark.parametrize("name", [*NAMES, "exact_shapley"])
def test_a_large_budget_is_no_budget(name: str) -> None:
    model = model_of("reference")
    about = question(model, "the cat saw", "a dog")
    plain = CLAIMS[name].method()
    (whole,) = scores(plain, model, [about])
    (within,) = scores(evolve(plain, budget=100_000), model, [about])
    require_same(within, whole, 0.0, name)
    assert evolve(plain, budget=100_000).cost(about) == plain.cost(about)


@pytest.mark.parametrize("budget", [24, 40])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("on", ["reference", "reference-seq2seq"])
def test_the_budget_is_kept(name: str, on: str, budget: int) -> None:
    model, tally = counting(model_of(on))
    about = asked(model)
    method = evolve(METHODS.get(name)(), budget=budget)  # type: ignore[call-arg, type-var]
    told = method.cost(about)
    assert told.forwards <= budget
    (found,) = method.attribute(model, [about], no_progress)
    assert tally.forward_rows <= told.forwards
    assert found.details["forwards"] <= budget
    if told.forwards == budget:
        assert found.details["budget"] == budget


def test_units_are_of_mixed_size_and_the_strongest_are_cut() -> None:
    model = model_of("reference")
    about = asked(model)
    (found,) = Occlusion(budget=24).attribute(model, [about], no_progress)
    (coarse,) = Occlusion(units="sentence").attribute(model, [about], no_progress)
    spans = found.details["units"]["target"]
    sizes = {end - start for start, end in spans}
    assert min(sizes) == 1
    assert max(sizes) > 2
    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]], "they cover the text"
    fine, large = to_numpy(found.target), to_numpy(coarse.target)
    for start, end in coarse.details["units"]["target"]:
        if start >= int(about.steps[0]):
            continue  # of what was generated, a step sees a part
        np.testing.assert_allclose(fine[start:end].sum(0), large[start:end].sum(0), atol=1e-10)


LONG = (" ".join(["The cat saw a dog and the bird sat on the mat."] * 3), " It ran.")


def test_the_error_of_units_that_were_scored_exactly_is_0_and_those_of_the_others_are_told() -> None:
    model = model_of("reference")
    (found,) = ShapleyValueSampling(n_samples=8, budget=80).attribute(model, [question(model, *LONG)], no_progress)
    errors = np.array(found.details["standard_error"])
    assert errors.shape == (len(found.details["units"]["target"]), errors.shape[1])
    exact = ~errors.any(axis=1)
    assert 0 < exact.sum() < len(errors)
    spans = found.details["units"]["target"]
    sums = np.stack([to_numpy(found.target)[start:end].sum(axis=0) for start, end in spans])
    np.testing.assert_allclose(found.details["largest_score"], np.abs(sums).max(axis=0), atol=1e-12)


def test_what_is_said_of_the_parts_of_a_unit_is_told_with_its_name() -> None:
    model = model_of("reference")
    (found,) = ShapleyValueSampling(n_samples=4, budget=60).attribute(model, [asked(model)], no_progress)
    first, part, _ = found.warnings
    assert "the differences between units" in first
    assert "parts" not in first
    assert "the differences between units" in part
    assert part.endswith("This is of the parts of ' The house was red.'.")


def test_where_the_budget_took_samples_away_a_larger_one_is_advised() -> None:
    model = model_of("reference")
    about = question(model, *LONG)
    (found,) = Lime(n_samples=200, budget=18).attribute(model, [about], no_progress)
    told = [one for one in found.warnings if "too few" in one or "the differences between units" in one]
    assert told
    assert all("Use a larger budget than 18" in one for one in told), told


@pytest.mark.parametrize("name", NAMES)
def test_in_a_chat_only_what_the_user_wrote_is_cut(name: str) -> None:
    budget = 14
    model, tally = counting(model_of("reference"))
    _, system, *user, _ = units_of(asked(model), "sentence").members
    turns = [
        Segment(side="target", start=system.start, end=system.end, kind="turn", label="system"),
        Segment(side="target", start=user[0].start, end=user[-1].end - 2, kind="turn", label="user"),
    ]
    about = asked(model, segments=turns)
    method = METHODS.get(name)()
    assert method.cost(about).forwards > budget  # type: ignore[attr-defined]
    (found,) = evolve(method, budget=budget).attribute(model, [about], no_progress)  # type: ignore[call-arg, type-var]
    assert found.details["budget"] == budget
    assert tally.forward_rows <= budget
    outside = np.ones(len(about.target_ids), bool)
    outside[turns[1].start : turns[1].end] = False
    assert not to_numpy(found.target)[outside].any()
    spans = found.details["units"]["target"]
    assert len(spans) > 1
    assert (spans[0][0], spans[-1][1]) == (turns[1].start, turns[1].end)
    assert {start for start, _ in spans} <= {unit.start for unit in units_of(about, "auto").members}


def test_in_a_chat_words_of_scripts_without_spaces_are_cut_into_characters() -> None:
    """A clause of 25 characters, a mark, and a clause of 10: three words."""
    model = model_of("reference")
    about = question(model, "the cat saw a dog and " * 6, "it ran")
    texts = ["，" if at == 25 else "字" for at in range(len(about.target_ids))]
    tokens = tuple(Token(id=0, piece=text, text=text, position=at) for at, text in enumerate(texts))
    turn = Segment(side="target", start=0, end=36, kind="turn", label="user")
    about = evolve(about, target_tokens=tokens, segments=(turn,))
    (found,) = FeatureAblation(budget=32).attribute(model, [about], no_progress)
    assert found.details["forwards"] > 14
    assert min(end - start for start, end in found.details["units"]["target"]) == 1
    (note,) = (one for one in found.warnings if "left whole" in one)
    assert "all words and characters at once take 37 forwards" in note
    (together,) = FeatureAblation(budget=37).attribute(model, [about], no_progress)
    assert len(together.details["units"]["target"]) == 36


def test_what_was_left_whole_is_told() -> None:
    model = model_of("reference")
    about = asked(model)
    (found,) = FeatureAblation(budget=14).attribute(model, [about], no_progress)
    assert found.details["left_whole"]
    assert any("left whole" in note and "tokens at once take" in note for note in found.warnings)


@pytest.mark.parametrize("budget", [8, 10, 14])
def test_what_cannot_be_removed_is_no_unit(budget: int) -> None:
    """A template's words, here a sentence and the first word of another, are neither scored nor cut."""
    model = model_of("reference")
    sentences = [range(unit.start, unit.end) for unit in units_of(asked(model), "sentence").members]
    kept = np.array([0, *sentences[2], sentences[3][0]])
    about = asked(model, kept_target=kept)
    (found,) = Occlusion(budget=budget, units="word").attribute(model, [about], no_progress)
    (other,) = FeatureAblation(budget=budget, units="word").attribute(model, [about], no_progress)
    for name in ("units", "left_whole"):
        assert found.details[name] == other.details[name]
    for start, end in found.details["units"]["target"]:
        assert set(range(start, end)) - set(kept.tolist())
    np.testing.assert_allclose(to_numpy(found.target), to_numpy(other.target), atol=1e-10)
    assert not to_numpy(found.target)[kept].any()


def test_a_unit_with_one_part_to_remove_could_not_have_been_cut() -> None:
    model = model_of("reference")
    _, first, *_ = units_of(asked(model), "sentence").members
    words = units_of(asked(model), "word").members
    kept = np.array([at for word in words[2:] if word.end <= first.end for at in range(word.start, word.end)])
    (found,) = Occlusion(budget=8, units="word").attribute(model, [asked(model, kept_target=kept)], no_progress)
    spans = found.details["units"]["target"]
    assert [first.start, first.end] in spans
    assert found.details["left_whole"]
    assert ["target", first.start, first.end] not in found.details["left_whole"]


def test_a_budget_below_the_largest_units_is_refused() -> None:
    model = model_of("reference")
    with pytest.raises(SettingsError, match="too little"):
        list(Occlusion(budget=2).attribute(model, [asked(model)], no_progress))


def test_a_budget_needs_levels() -> None:
    model = model_of("reference")
    about = asked(model)
    with pytest.raises(SettingsError, match="must be one of"):
        list(Occlusion(budget=3, units=((0, 2), (2, 4), (4, 6))).attribute(model, [about], no_progress))
    with pytest.raises(SettingsError, match="n_samples"):
        Interactions(budget=10)
    with pytest.raises(SettingsError, match="budget"):
        Lime(budget=0)


def test_parts_inherit_their_share_of_the_error_of_the_whole() -> None:
    """Four parts are shifted by a quarter of what is missing, which is as uncertain as a quarter of the whole is."""
    whole = _Piece("target", 0, 4, 0, np.array([1.0, 2.0]), np.array([4.0, 8.0]))
    for own in (None, np.array([3.0, 1.5])):
        parts = [_Piece("target", at, at + 1, 1, np.array([1.0, 0.0]), own) for at in range(4)]
        made = _adding_up(parts, whole, np.array([9, 2]))  # the second output sees two of them
        np.testing.assert_allclose(sum(part.scores for part in made), whole.scores)
        for part in made:
            assert part.errors is not None
            np.testing.assert_allclose(part.errors, np.hypot(0.0 if own is None else own, [1.0, 4.0]))
    (exact, *_) = _adding_up(parts, evolve(whole, errors=None), np.array([9, 2]))
    np.testing.assert_allclose(exact.errors, own)


def test_samples_are_lowered_to_the_budget() -> None:
    model, tally = counting(model_of("reference"))
    (found,) = KernelShap(budget=30).attribute(model, [asked(model)], no_progress)
    assert tally.forward_rows <= 30
    assert len(found.details["units"]["target"]) > 4


def test_parts_that_may_not_be_counted_out_stay_whole() -> None:
    """exact_shapley cannot take a sentence of many tokens apart: its words cost two to their number."""
    model = model_of("reference")
    about = asked(model)
    (found,) = ExactShapley(budget=200).attribute(model, [about], no_progress)
    assert found.details["forwards"] <= 200


def test_a_larger_budget_never_turns_an_answer_into_an_error() -> None:
    """14 words in one sentence: they fit a budget of 2**14, but exact_shapley takes no more than 12 units at once."""
    model = model_of("reference")
    about = question(model, "It ran. The cat saw a dog and it was old and small and a bird sat.", " It ran.")
    words = [unit for unit in units_of(about, "word").members if unit.end <= int(about.steps[0])]
    assert len(words) > 14
    for budget in (200, 2**14, 2**17):
        method = ExactShapley(budget=budget, units="word")
        assert method.cost(about).forwards == method.cost_on(model, about).forwards == budget
        (found,) = method.attribute(model, [about], no_progress)
        assert found.details["forwards"] <= budget
        assert any("units were left whole; it takes at most 12 units at once" in note for note in found.warnings), (
            found.warnings
        )


def test_samples_are_not_lowered_below_what_units_need() -> None:
    """Half of the budget is 9 coalitions, and kernel_shap needs 14 for the 6 units."""
    model = model_of("reference")
    (found,) = KernelShap(budget=18).attribute(model, [asked(model)], no_progress)
    assert len(found.details["units"]["target"]) == 6
    assert not any("too few" in note for note in found.warnings)
