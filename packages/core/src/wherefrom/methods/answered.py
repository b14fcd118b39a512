"""What a method answers, held against what was asked: methods are written by anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wherefrom.errors import SettingsError, ShapeError
from wherefrom.methods.contract import AnyMethod, Scores
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


def answered(method: AnyMethod, model: Any, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
    """The method's answers, one for each question, in order and as lazily as they come.

    Raises:
        SettingsError: They are no `Scores`, or not as many as there are questions.
        ShapeError: Scores have another shape than the question asks for.
    """
    name, count, done = method.identifier, len(questions), 0
    answers: Any = method.attribute(model, questions, progress)
    if not isinstance(answers, Iterable):
        raise SettingsError(
            f"Method {name!r} answered with {answers!r:.100}. Its attribute() must give the Scores of each question: "
            "yield Scores(...)."
        )
    for scores in answers:
        if done == count:
            raise SettingsError(f"Method {name!r} gave more answers than the {count} questions. Yield one for each.")
        if not isinstance(scores, Scores):
            raise SettingsError(
                f"Method {name!r} answered question {done + 1} of {count} with a {type(scores).__name__}. Yield "
                "Scores(source=..., target=...) of wherefrom.methods.contract."
            )
        _check_shapes(method, questions[done], scores)
        done += 1
        yield scores
        del scores  # it may be large, and the next one is about to be made
    if done < count:
        raise SettingsError(f"Method {name!r} answered {done} of {count} questions. Yield one Scores for each.")


def _check_shapes(method: AnyMethod, question: Question, scores: Scores) -> None:
    outputs, inner = question.target_function.outputs, len(method.dimensions)
    for side, values, ids in (
        ("source", scores.source, question.source_ids),
        ("target", scores.target, question.target_ids),
    ):
        if values is None:
            continue
        if ids is None:
            raise ShapeError(
                f"Method {method.identifier!r} scored a source, and a decoder-only model has none. Its prompt is the "
                "beginning of the target: give Scores(target=...)."
            )
        shape = tuple(values.shape)
        if shape[:2] != (len(ids), outputs) or len(shape) != 2 + inner:
            more = f", and {inner} more for {', '.join(method.dimensions)}" if inner else ""
            raise ShapeError(
                f"Method {method.identifier!r} gave {side} scores of shape {shape}, expected "
                f"{(len(ids), outputs)}{more}: a row for each of {len(ids)} {side} tokens, a column for each of "
                f"{outputs} outputs."
            )
