"""Each question gets its answer, none is left over, and one is there at a time."""

from __future__ import annotations

from typing import Any

import pytest
from wherefrom.methods.one_answer import one_answer_at_a_time

QUESTIONS: Any = ["a", "b", "c"]


def made_of(question: Any, answer: Any) -> Any:
    return f"{question}{answer}"


def test_in_order_and_reported() -> None:
    told: list[tuple[str, int, int]] = []
    made = list(one_answer_at_a_time(QUESTIONS, iter([1, 2, 3]), made_of, "forward", lambda *one: told.append(one)))
    assert made == ["a1", "b2", "c3"]
    assert told == [("forward", 1, 3), ("forward", 2, 3), ("forward", 3, 3)]


@pytest.mark.parametrize("answers, said", [([1, 2], "answered 2 of 3"), ([1, 2, 3, 4], "more answers than the 3")])
def test_another_number_of_answers(answers: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(one_answer_at_a_time(QUESTIONS, answers, made_of, "forward", lambda *one: None))


def test_answers_are_asked_to_their_end() -> None:
    """What an adapter does behind its last answer is done."""
    closed: list[bool] = []

    def answers() -> Any:
        yield from (1, 2, 3)
        closed.append(True)

    list(one_answer_at_a_time(QUESTIONS, answers(), made_of, "forward", lambda *one: None))
    assert closed == [True]
