"""Paths leave some positions as they are where a baseline is chosen for all: what is kept, and the attention sink."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve, fields_dict
from wherefrom.methods import (
    METHODS,
    DiscretizedIntegratedGradients,
    GradientShap,
    SequentialIntegratedGradients,
    SmoothGrad,
    SquareGrad,
    VarGrad,
)
from wherefrom.methods.perturbation.settings import PerturbationSettings
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.testing import counting, question

from tests.laws.claims import CLAIMS
from tests.laws.models import model_of, per_token, scores

PATHS = [
    name
    for name in METHODS
    if "baseline" in fields_dict(METHODS.get(name)) and not issubclass(METHODS.get(name), PerturbationSettings)
]
"""Every method whose baseline is where a path begins."""
UNDER_NOISE = ["deeplift", "gradient_shap", "integrated_gradients", "sequential_integrated_gradients"]
FOR_ALL = ["unk", 5, "zero", "mean", "one embedding"]


def with_a_sink() -> tuple[Any, Question]:
    """A sequence without a special token in front, and one position in it that is kept."""
    model = model_of("gpt2-tiny")
    about = question(model, "the name", "of the class", function="logit")
    return model, evolve(about, sink=np.zeros(1, np.int64), kept_target=np.ones(1, np.int64))


def test_the_methods_of_paths_are_found() -> None:
    expected = {"integrated_gradients", "discretized_integrated_gradients", "gradient_shap", "deeplift"}
    assert expected < set(PATHS)


@pytest.mark.parametrize("baseline", ["unk", 5, "one embedding"])
@pytest.mark.parametrize("name", PATHS)
def test_what_is_chosen_for_all_positions_moves_neither_what_is_kept_nor_the_sink(name: str, baseline: Any) -> None:
    model, about = with_a_sink()
    if baseline == "one embedding":
        if name == "discretized_integrated_gradients":
            pytest.skip("it goes from word to word")
        baseline = np.full(model.card.width, 0.1)
    (found,) = scores(CLAIMS[name].method(baseline=baseline), model, [about])
    sizes = np.abs(per_token(found)["target"]).sum(axis=1)
    assert not sizes[:2].any()
    assert sizes[2]


@pytest.mark.parametrize("baseline", FOR_ALL)
@pytest.mark.parametrize("noise", [SmoothGrad, SquareGrad, VarGrad])
@pytest.mark.parametrize("name", UNDER_NOISE)
def test_what_stays_scores_nothing_under_noise(name: str, noise: Any, baseline: Any) -> None:
    model, about = with_a_sink()
    if baseline == "one embedding":
        baseline = np.full(model.card.width, 0.1)
    (found,) = scores(noise(of=CLAIMS[name].method(baseline=baseline), n_samples=2), model, [about])
    sizes = np.abs(found["target"]).sum(axis=(1, 2))
    assert not sizes[:2].any()
    assert sizes[2]


@pytest.mark.parametrize("baseline", FOR_ALL)
def test_what_is_kept_of_a_source_scores_nothing_under_noise(baseline: Any) -> None:
    model = model_of("t5-tiny")
    about = question(model, "the name", "of the class", function="logit")
    if baseline == "one embedding":
        baseline = np.full(model.card.width, 0.1)
    of = CLAIMS["integrated_gradients"].method(baseline=baseline)
    (found,) = scores(SquareGrad(of=of, n_samples=2), model, [about])
    sizes = found["source"].sum(axis=(1, 2))
    assert len(about.kept_source)
    assert not sizes[about.kept_source].any()
    assert np.delete(sizes, about.kept_source).all()


@pytest.mark.parametrize("baseline", FOR_ALL)
def test_the_noise_of_a_path_leaves_what_stays(baseline: Any) -> None:
    model, about = with_a_sink()
    if baseline == "one embedding":
        baseline = np.full(model.card.width, 0.1)
    (found,) = scores(GradientShap(n_samples=4, stdevs=0.1, baseline=baseline), model, [about])
    sizes = np.abs(found["target"]).sum(axis=(1, 2))
    assert not sizes[:2].any()
    assert sizes[2]


@pytest.mark.parametrize("name", PATHS)
def test_the_id_of_a_token_is_the_token(name: str) -> None:
    model, about = with_a_sink()
    named, given = (
        per_token(scores(CLAIMS[name].method(baseline=one), model, [about])[0])["target"]
        for one in ("unk", model.card.unk_id)
    )
    np.testing.assert_array_equal(named, given)


def test_what_is_given_for_each_position_moves_them_all() -> None:
    model, about = with_a_sink()
    given = np.full(len(about.target_ids), 5)
    (found,) = scores(CLAIMS["integrated_gradients"].method(baseline=given), model, [about])
    assert np.abs(per_token(found)["target"]).sum(axis=1)[:3].all()


def test_points_between_words_make_discretized_paths_add_up() -> None:
    model, about = with_a_sink()
    gaps = []
    for between in (0, 4, 44):
        method = DiscretizedIntegratedGradients(
            n_steps=8, n_neighbors=6, between=between, return_convergence_delta=True
        )
        (found,) = method.attribute(model, [about], no_progress)
        gaps.append(np.abs(np.asarray(found.step_scores["deltas"])).max())
    assert gaps[1] < 0.5 * gaps[0]
    assert gaps[2] < 0.2 * gaps[1]


@pytest.mark.parametrize("baseline", ["unk", 5, "each"])
@pytest.mark.parametrize("token_sums", [False, True])
def test_sequential_paths_are_priced_for_what_moves(token_sums: bool, baseline: Any) -> None:
    """What is given for each position moves all, what is chosen for all of them those that are not kept."""
    model, about = with_a_sink()
    if baseline == "each":
        baseline = np.full(len(about.target_ids), 5)
    meter, tally = counting(model)
    method = SequentialIntegratedGradients(n_steps=2, token_sums=token_sums, baseline=baseline)
    list(method.attribute(meter, [about], no_progress))
    told = method.cost(about)
    assert (tally.forward_rows, tally.backward_rows) == (told.forwards, told.backwards)
