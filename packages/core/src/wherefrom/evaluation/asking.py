"""From a result back to the question it answers, and to one score per unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve

from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.methods.answers import example_of
from wherefrom.methods.contract import Question
from wherefrom.methods.perturbation.unit_scores import unit_scores
from wherefrom.methods.perturbation.units import Units, UnitsSetting, units_of
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.examples import check_ids
from wherefrom.results.contrasts import EXPLAINED_IN, contrast_of
from wherefrom.results.data import AttributionData
from wherefrom.results.direction import turned
from wherefrom.step_functions.base import StepFunction
from wherefrom.step_functions.probability import Probability


def question_of(
    model: Any,
    result: AttributionData,
    *,
    keep_special: bool = True,
    include_eos_baseline: bool = False,
    function: StepFunction | None = None,
    contrast_ids: IntArray | None = None,
    seed: int = 0,
) -> Question:
    """The question that a result answers.

    Args:
        keep_special: Are special tokens left as they are?
        include_eos_baseline: But for end tokens, which are left with either unless this says otherwise.
        function: The target function; None: the log-probability of the explained tokens.
        contrast_ids: The token that each explained one is compared with, shape ``(G,)``; see `compared_ids`.

    Raises:
        InputError: Its tokens were merged or are none of the model's, it has no explained step, or it is of another
            kind of model.
    """
    if result.attr_pos_start == result.attr_pos_end:
        raise InputError(
            f"No step of {result!r} is explained, so there is nothing to ask the model again. Attribute with positions "
            "(attr_pos_start, attr_pos_end) that its target has, or leave it out."
        )
    if (model.card.kind == "encoder-decoder") != result.encoded:
        raise InputError(f"The result is not of a model like {model.card.name!r}, which is {model.card.kind}.")
    options = QuestionOptions(
        function=Probability(logprob=True) if function is None else function,
        attribute_target=result.target_attributions is not None,
        include_eos_baseline=include_eos_baseline,
        keep_special=keep_special,
        seed=seed,
    )
    steps = np.arange(result.attr_pos_start, result.attr_pos_end)
    question = prepare(model, [example_of(model, result)], [steps], options).questions[0]
    if contrast_ids is None:
        return question
    check_ids(model.card, contrast_ids, "contrast")
    return evolve(question, target_function=evolve(question.target_function, contrast_ids=contrast_ids))


def judged_scores(result: AttributionData, units: Units) -> FloatArray:
    """A result's scores of units as they are judged: a positive one speaks for the token. Shape ``(units, steps)``.

    An evaluation asks what the log-probability hangs on. Signed scores of a function that falls with it
    (`wherefrom.step_functions.base.FallsWithProbability`) answer that with the opposite sign, and are turned.
    """
    return unit_scores(result, units) * (-1.0 if turned(result) else 1.0)


def compared_ids(result: AttributionData) -> IntArray | None:
    """The token that each explained one is compared with, in the very prediction that is explained. Shape ``(G,)``.

    None: the result is of no contrast, or of one whose other context is read (``contrast_force_inputs``), where the
    comparison is a constant; or it does not say, as those of files written before 0.2.0.
    """
    contrast = contrast_of(result)
    if contrast.get(EXPLAINED_IN) != "own":
        return None
    known = {pair["step"]: pair["contrast_id"] for pair in contrast["pairs"]}
    steps = range(result.attr_pos_start, result.attr_pos_end)
    return np.array([known[step] for step in steps], dtype=np.int64) if known.keys() >= set(steps) else None


def evaluated_units(question: Question, result: AttributionData, units: UnitsSetting) -> Units:
    """The units that are removed and scored: those of the sides that the result has scores of."""
    found = units_of(question, units)
    if result.target_attributions is not None:
        return found
    members = tuple(unit for unit in found.members if unit.side == "source")
    return Units(
        members=members,
        steps=found.steps,
        source_length=found.source_length,
        target_length=found.target_length,
    )
