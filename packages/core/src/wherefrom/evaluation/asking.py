"""From a result back to the question it answers, and to one score per unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wherefrom.adapters import Encoding
from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.methods.contract import Question
from wherefrom.methods.perturbation.ablation import LogProbability
from wherefrom.methods.perturbation.units import Units, UnitsSetting, units_of
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.examples import Example
from wherefrom.results.aggregation import build, outstanding
from wherefrom.results.data import AttributionData
from wherefrom.text.tokens import Token


def question_of(model: Any, result: AttributionData, *, keep_special: bool = True) -> Question:
    """The question that a result answers, about the log-probability of its tokens.

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
    example = example_of(model, result)
    options = QuestionOptions(
        function=LogProbability(),
        scores={},
        attribute_target=True,
        include_eos_baseline=False,
        keep_special=keep_special,
        span=None,
        seed=0,
        contrast_targets=None,
        contrast_sources=None,
        contrast_alignments=None,
        contrast_force_inputs=False,
        add_special_tokens=True,
    )
    steps = np.arange(result.attr_pos_start, result.attr_pos_end)
    return prepare(model, [example], [steps], options).questions[0]


def example_of(model: Any, result: AttributionData) -> Example:
    """The example that a result of single tokens is about."""
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


def token_scores(result: AttributionData) -> dict[str, FloatArray]:
    """One score per token and step and side: the result's own default aggregation, but never normalised, since that
    would change what scores of different steps add up to."""
    for stage in outstanding(result):
        if stage.name != "normalize":
            result = build(stage.name, stage.settings)(result)
    if result.dimensions:
        raise InputError(
            f"The scores still have {', '.join(result.dimensions)}; aggregate them to one number per token first."
        )
    found: dict[str, FloatArray] = {}
    if result.source_attributions is not None:
        found["source"] = np.asarray(result.source_attributions, dtype=np.float64)
    if result.target_attributions is not None:
        found["target"] = np.asarray(result.target_attributions, dtype=np.float64)
    return found


def unit_scores(result: AttributionData, units: Units) -> FloatArray:
    """Scores of units: the sum over the tokens that go with each. Shape ``(units, steps)``."""
    sides = token_scores(result)
    rows = [sides[unit.side][unit.removable].sum(axis=0) for unit in units.members]
    return np.array(rows).reshape(len(rows), result.attr_pos_end - result.attr_pos_start)


def _ids(tokens: Sequence[Token]) -> IntArray:
    return np.array([token.id for token in tokens], dtype=np.int64)
