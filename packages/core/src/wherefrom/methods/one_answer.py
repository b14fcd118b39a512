"""Scores of one question after the other, from what a model answers to each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from wherefrom.methods.contract import Scores
from wherefrom.progress import Progress
from wherefrom.questions.question import Question

A = TypeVar("A")


def one_answer_at_a_time(
    questions: Sequence[Question],
    answers: Iterable[A],
    scores_of: Callable[[Question, A], Scores],
    phase: str,
    progress: Progress,
) -> Iterator[Scores]:
    """What is made of each question and its answer, which is let go before the next is asked for.

    Answers may be as large as the scores of thousands of inputs.

    Raises:
        ValueError: There are fewer answers than questions, or more.
    """
    remaining = iter(answers)
    for done, question in enumerate(questions):
        try:
            scores = scores_of(question, next(remaining))
        except StopIteration:
            raise ValueError(f"The model answered {done} of {len(questions)} questions.") from None
        yield scores
        del scores
        progress(phase, done + 1, len(questions))
    if any(True for _ in remaining):
        raise ValueError(f"The model gave more answers than the {len(questions)} questions asked for.")
