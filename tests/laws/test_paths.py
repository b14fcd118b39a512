"""Paths from a named baseline leave some positions as they are: what is kept, and the attention sink."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve, fields_dict
from wherefrom.methods import METHODS, SequentialIntegratedGradients
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


def with_a_sink() -> tuple[Any, Question]:
    """A sequence without a special token in front, and one position in it that is kept."""
    model = model_of("gpt2-tiny")
    about = question(model, "the name", "of the class", function="logit")
    return model, evolve(about, sink=np.zeros(1, np.int64), kept_target=np.ones(1, np.int64))


def test_the_methods_of_paths_are_found() -> None:
    expected = {"integrated_gradients", "discretized_integrated_gradients", "gradient_shap", "deeplift"}
    assert expected < set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_named_baselines_move_neither_what_is_kept_nor_the_sink(name: str) -> None:
    model, about = with_a_sink()
    (found,) = scores(CLAIMS[name].method(baseline="unk"), model, [about])
    sizes = np.abs(per_token(found)["target"]).sum(axis=1)
    assert not sizes[:2].any()
    assert sizes[2]


@pytest.mark.parametrize("baseline", ["unk", 5])
@pytest.mark.parametrize("token_sums", [False, True])
def test_sequential_paths_are_priced_for_what_moves(token_sums: bool, baseline: Any) -> None:
    """What is given outright moves all positions, a name those that are not kept."""
    model, about = with_a_sink()
    meter, tally = counting(model)
    method = SequentialIntegratedGradients(n_steps=2, token_sums=token_sums, baseline=baseline)
    list(method.attribute(meter, [about], no_progress))
    told = method.cost(about)
    assert (tally.forward_rows, tally.backward_rows) == (told.forwards, told.backwards)
