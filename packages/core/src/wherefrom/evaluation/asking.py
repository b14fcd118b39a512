"""From a result back to the question it answers, and to one score per unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wherefrom.adapters import Encoding
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError
from wherefrom.methods.contract import Question
from wherefrom.methods.perturbation.ablation import LogProbability
from wherefrom.methods.perturbation.units import Units, UnitsSetting, units_of
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.examples import Example
from wherefrom.results.data import AttributionData
from wherefrom.step_functions.base import StepFunction
from wherefrom.text.tokens import Token


def example_of(model: Any, result: AttributionData) -> Example:
    """The example that a result explains.

    Raises:
        InputError: Its tokens were merged, or it is of another kind of model.
    """
    if any(token.size != 1 for token in (*result.source, *result.target)):
        raise InputError(
            "An evaluation needs a result of single tokens, and here some were merged (words, spans). "
            "Give the raw result, and say units='word' to the evaluation."
        )
    encoder_decoder = model.card.kind == "encoder-decoder"
    if encoder_decoder != (result.source_attributions is not None):
        raise InputError(f"The result is not of a model like {model.card.name!r}, which is {model.card.kind}.")
    return Example(
        source=Encoding(ids=_ids(result.source), tokens=result.source, text="") if encoder_decoder else None,
        target_ids=_ids(result.target),
        target_tokens=result.target,
        prompt=None,
        default_start=result.attr_pos_start,
        input_text="",
        target_text="",
        segments=result.segments,
    )


def question_of(
    model: Any,
    result: AttributionData,
    *,
    keep_special: bool = True,
    function: StepFunction | None = None,
    seed: int = 0,
) -> Question:
    """The question that a result answers.

    Args:
        function: The target function; None: the log-probability of the explained tokens.

    Raises:
        InputError: Its tokens were merged, or it is of another kind of model.
    """
    options = QuestionOptions(
        function=LogProbability() if function is None else function,
        scores={},
        attribute_target=result.target_attributions is not None,
        include_eos_baseline=False,
        keep_special=keep_special,
        span=None,
        seed=seed,
        contrast_targets=None,
        contrast_sources=None,
        contrast_alignments=None,
        contrast_force_inputs=False,
        add_special_tokens=True,
    )
    steps = np.arange(result.attr_pos_start, result.attr_pos_end)
    return prepare(model, [example_of(model, result)], [steps], options).questions[0]


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


def _ids(tokens: Sequence[Token]) -> IntArray:
    return np.array([token.id for token in tokens], dtype=np.int64)
