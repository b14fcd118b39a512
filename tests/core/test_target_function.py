"""A target function for some of its outputs is asked about the steps of those outputs, in everything it holds."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS

STEPS, PASSES, VOCABULARY = 4, 3, 5


def whole(groups: list[int] | None = None) -> TargetFunction:
    """A target function that holds different numbers for every step."""
    rng = np.random.default_rng(0)
    return TargetFunction(
        function=STEP_FUNCTIONS.get("mc_dropout_prob_avg")(),
        target_ids=np.array([3, 0, 4, 1]),
        contrast_ids=np.array([1, 2, 0, 3]),
        contrast_logits=rng.normal(size=(STEPS, VOCABULARY)),
        samples=rng.normal(size=(PASSES, STEPS, VOCABULARY)),
        groups=None if groups is None else np.array(groups),
    )


@pytest.mark.parametrize(
    "groups, outputs, steps",
    [
        (None, [2], [2]),
        (None, [3, 1], [3, 1]),
        ([0, 0, 1, 2], [1], [2]),
        ([0, 0, 1, 1], [1], [2, 3]),
        ([0, 1, 1, 2], [0, 2], [0, 3]),
    ],
)
def test_what_is_selected_belongs_to_the_steps_of_the_outputs(
    groups: list[int] | None, outputs: list[int], steps: list[int]
) -> None:
    function = whole(groups)
    some = function.select(np.array(outputs))
    assert function.contrast_ids is not None
    assert some.contrast_ids is not None
    np.testing.assert_array_equal(some.target_ids, function.target_ids[steps])
    np.testing.assert_array_equal(some.contrast_ids, function.contrast_ids[steps])
    np.testing.assert_array_equal(np.asarray(some.contrast_logits), np.asarray(function.contrast_logits)[steps])
    np.testing.assert_array_equal(np.asarray(some.samples), np.asarray(function.samples)[:, steps])


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2]])
def test_values_of_some_outputs_are_those_of_all(groups: list[int] | None) -> None:
    """Scores from dropout samples too: a sample belongs to its step, wherever the step stands among the selected."""
    function = whole(groups)
    logits = np.random.default_rng(1).normal(size=(STEPS, VOCABULARY))
    outputs = np.array([0, 2])
    some = function.select(outputs).values(logits[function.steps_of(outputs)])
    np.testing.assert_allclose(np.asarray(some), np.asarray(function.values(logits))[outputs])


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2]])
def test_every_step_is_added_to_its_output(groups: list[int] | None) -> None:
    function = whole(groups)
    each = np.random.default_rng(2).normal(size=STEPS)
    added = np.zeros(function.outputs)
    np.add.at(added, function.output_of_step, each)
    np.testing.assert_allclose(np.asarray(function.grouped(each)), added)
