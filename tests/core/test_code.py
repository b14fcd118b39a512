"""Functions are told by what they do, not by what they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import frozen
from wherefrom.methods.perturbation.ablation import is_told, target_function_name
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom.step_functions.code import UntoldError, this_object, told
from wherefrom.step_functions.registration import register_step_function, step_function_of

FACTOR = 2.0


def scaled(factor: Any) -> Any:
    def mine(prediction: Any) -> Any:
        return factor * prediction.at_target(prediction.logits)

    return mine


def helper(value: Any) -> Any:
    return FACTOR * value


def through_a_helper(prediction: Any) -> Any:
    return helper(prediction.at_target(prediction.logits))


def halved(prediction: Any, factor: float = 0.5) -> Any:
    return factor * prediction.at_target(prediction.logits)


def name_of(function: Any) -> str:
    return target_function_name(TargetFunction(function=function, target_ids=np.arange(3)))


def test_functions_of_one_name_have_names_of_their_own() -> None:
    first = step_function_of(scaled(1.0))()
    same, other = step_function_of(scaled(1.0))(), step_function_of(scaled(7.0))()
    assert name_of(first) == name_of(same) != name_of(other)
    assert is_told(name_of(first))


def test_a_name_given_to_another_function_is_another_one() -> None:
    names = []
    for function in (lambda prediction: prediction.logits[:, 0], lambda prediction: 2 * prediction.logits[:, 0]):
        register_step_function(function, "given_twice", overwrite=True)
        names.append(name_of(STEP_FUNCTIONS.get("given_twice")()))
    assert names[0] != names[1]


def test_globals_and_what_they_call_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = told(through_a_helper)
    assert told(through_a_helper) == before
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert told(through_a_helper) != before
    monkeypatch.undo()
    monkeypatch.setitem(globals(), "helper", lambda value: value)
    assert told(through_a_helper) != before


def test_defaults_and_settings_count() -> None:
    cls = step_function_of(halved)
    assert len({name_of(cls()), name_of(cls(factor=0.25)), name_of(STEP_FUNCTIONS.get("logit")())}) == 3


def test_arrays_count_by_their_values() -> None:
    held = np.zeros(3)
    function = scaled(held)
    before = told(function)
    held[1] = 1.0
    assert told(function) != before


def test_methods_of_a_class_count() -> None:
    def made(sign: float) -> Any:
        @frozen
        class Mine:
            identifier = "mine"

            def __call__(self, prediction: Any, /) -> Any:
                return self._signed(prediction.at_target(prediction.logits))

            def _signed(self, value: Any) -> Any:
                return sign * value

        return Mine()

    assert told(made(1.0)) == told(made(1.0)) != told(made(-1.0))


def test_what_cannot_be_looked_through_is_told_in_this_process_alone() -> None:
    stream = iter([1.0])
    function = step_function_of(scaled(stream))()
    with pytest.raises(UntoldError):
        told(function)
    assert not is_told(name_of(function))
    assert name_of(function) == name_of(function) != name_of(step_function_of(scaled(stream))())


def test_an_object_never_has_the_number_of_another_one() -> None:
    class Thing:
        pass

    seen = {this_object(Thing()) for _ in range(50)}
    assert len(seen) == 50
