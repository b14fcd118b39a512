"""What a method of one's own yields is held against what was asked, wherever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import wherefrom
from attrs import frozen
from wherefrom import AttributionModel
from wherefrom.adapters import PredictsSteps
from wherefrom.errors import SettingsError, ShapeError, WherefromError
from wherefrom.methods.answered import answered
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.progress import no_progress
from wherefrom.testing import linear_model, question

FACTS: dict[str, Any] = {
    "needs": (PredictsSteps,), "signed": True, "uses_target_function": True, "differentiates": False,
    "dimensions": ("layer",), "aggregation": (), "register": False,
}  # fmt: skip
PROMPT, TARGET = "the cat sat", "the cat sat on the mat"


def of_ones_own(answer: Any) -> Any:
    """A method that answers as a function of its questions does."""

    @method("own", **FACTS)
    @frozen(kw_only=True)
    class Own(Method[PredictsSteps]):
        """Answers anything."""

        def cost(self, question: Any) -> None:
            return None

        def attribute(self, model: Any, questions: Any, progress: Any) -> Any:
            return answer(questions)

    return Own()


def right(question: Any) -> Scores:
    return Scores(target=np.ones((len(question.target_ids), question.target_function.outputs, 2)))


def turned(question: Any) -> Scores:
    return Scores(target=np.ones((question.target_function.outputs, len(question.target_ids), 2)))


def flat(question: Any) -> Scores:
    return Scores(target=np.ones((len(question.target_ids), question.target_function.outputs)))


def of_a_source(question: Any) -> Scores:
    return Scores(source=np.ones((len(question.target_ids), question.target_function.outputs, 2)))


WRONG: dict[str, tuple[Any, type[WherefromError], str]] = {
    "turned": (
        lambda asked: map(turned, asked),
        ShapeError,
        r"'own' gave target scores of shape \(3, 7, 2\), expected \(7, 3\), and 1 more for layer: a row for each of 7",
    ),
    "without its dimension": (lambda asked: map(flat, asked), ShapeError, r"shape \(7, 3\), expected .* 1 more for"),
    "of a source": (lambda asked: map(of_a_source, asked), ShapeError, "a decoder-only model has none"),
    "arrays": (lambda asked: [np.ones((7, 3, 2)) for _ in asked], SettingsError, "question 1 of 2 with a ndarray"),
    "one too few": (lambda asked: map(right, asked[:1]), SettingsError, "'own' answered 1 of 2 questions"),
    "one too many": (lambda asked: map(right, [*asked, asked[0]]), SettingsError, "more answers than the 2 questions"),
    "nothing": (lambda asked: None, SettingsError, "'own' answered with None"),
    "one for all": (lambda asked: right(asked[0]), SettingsError, r"answered with Scores\("),
}


@pytest.mark.parametrize("name", WRONG)
def test_answers_that_do_not_fit_are_told_in_words(name: str) -> None:
    answer, kind, said = WRONG[name]
    model = AttributionModel(linear_model())
    with pytest.raises(kind, match=said):
        model.attribute([PROMPT] * 2, [TARGET] * 2, method=of_ones_own(answer), show_progress=False)


def test_answers_that_fit_are_taken() -> None:
    model = AttributionModel(linear_model())
    for more in ({}, {"attributed_span": "all"}):
        asked = {"method": of_ones_own(lambda asked: map(right, asked)), "show_progress": False, **more}
        (one,) = model.attribute(PROMPT, TARGET, **asked)
        assert one.target_attributions is not None
        assert one.target_attributions.shape[2:] == (2,)


def test_answers_are_taken_as_they_come() -> None:
    made = []

    def answer(asked: Any) -> Iterator[Scores]:
        for one in asked:
            made.append(one)
            yield right(one)

    asked = [question(linear_model(), PROMPT, "on")] * 2
    answers = answered(of_ones_own(answer), linear_model(), asked, no_progress)
    assert [len(made) for _ in answers] == [1, 2]


DOORS: dict[str, Any] = {
    "context": lambda model, **asked: model.attribute_context("on the", PROMPT, output="mat", **asked),
    "trace": lambda model, **asked: wherefrom.trace(model, PROMPT, TARGET, span="mat", **asked),
}


@pytest.mark.parametrize("door", DOORS)
def test_answers_are_looked_at_where_a_method_is_asked_beside_attribute(door: str) -> None:
    model, own = AttributionModel(linear_model()), of_ones_own(lambda asked: map(turned, asked))
    with pytest.raises(ShapeError, match="'own' gave target scores of shape"):
        DOORS[door](model, method=own, show_progress=False)


def test_a_method_that_is_no_attrs_class_is_refused() -> None:
    class Own(Method[PredictsSteps]):
        """Has no settings that anybody could know."""

    with pytest.raises(SettingsError, match=r"Own is no attrs class.*between @method\(\.\.\.\) and the class"):
        method("own", **FACTS)(Own)
