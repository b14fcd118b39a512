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
        InputError: Its tokens were merged, or are none of the model's.
    """
    if any(token.size != 1 for token in (*result.source, *result.target)):
        raise InputError(
            "An evaluation needs a result of single tokens, and here some were merged (words, spans). "
            "Give the raw result, and say units='word' to the evaluation."
        )
    if any(token.id < 0 for token in (*result.source, *result.target)):
        raise InputError(
            "A model can be asked again only about tokens of its vocabulary, and here some have no id: a context "
            "attribution keeps none, and a trace has one step per hop. "
            "Attribute the text (`attribute`), and give that result."
        )
    last, known = max((token.id for token in (*result.source, *result.target)), default=0), model.card.vocabulary
    if known and last >= known:
        raise InputError(
            f"The result has the token id {last}, but {model.card.name} knows the ids 0 to {known - 1}. "
            "Give the model that the result was made with."
        )
    encoder_decoder = model.card.kind == "encoder-decoder"
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
        InputError: Its tokens were merged or are none of the model's, or it is of another kind of model.
    """
    if (model.card.kind == "encoder-decoder") != (result.source_attributions is not None):
        raise InputError(f"The result is not of a model like {model.card.name!r}, which is {model.card.kind}.")
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
