"""From a result back to the question it answers, and to one score per unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import evolve

from wherefrom.adapters import Encoding
from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.methods.contract import Question
from wherefrom.methods.perturbation.ablation import LogProbability
from wherefrom.methods.perturbation.unit_scores import unit_scores
from wherefrom.methods.perturbation.units import Units, UnitsSetting, units_of
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.examples import Example, check_ids
from wherefrom.results.aggregators.slices import Slices
from wherefrom.results.contrasts import EXPLAINED_IN, contrast_of
from wherefrom.results.data import AttributionData
from wherefrom.results.direction import turned
from wherefrom.step_functions.base import StepFunction
from wherefrom.text.tokens import Token


def example_of(model: Any, result: AttributionData) -> Example:
    """The example that a result explains.

    Raises:
        InputError: Its tokens were merged, or are none of the model's.
    """
    if any(token.size != 1 for token in (*result.source, *result.target)):
        merged = [token for token in result.target[result.attr_pos_start :] if token.size != 1]
        spans = [(token.position, token.position + token.size) for token in merged]
        instead = f"; attribute steps that were explained as one apart, and say outputs={spans}" if spans else ""
        raise InputError(
            "An evaluation needs a result of single tokens, and here some were merged (words, spans). "
            f"Give the raw result, and say units='word' to the evaluation{instead}."
        )
    if any(token.id < 0 for token in (*result.source, *result.target)):
        raise InputError(
            "A model can be asked again only about tokens of its vocabulary, and here some have no id: a context "
            "attribution keeps none, a trace has one step per hop, and a difference has tokens of two texts. "
            "Attribute the text (`attribute`), and give that result."
        )
    sides = (result.source, result.target)
    gaps = any(token.position != place for tokens in sides for place, token in enumerate(tokens))
    sliced = (stage.settings for stage in result.aggregations if stage.name == Slices.identifier)
    if gaps or any("source_spans" in settings for settings in sliced):  # a source cut at its end has no gap
        raise InputError(
            "A model can be asked again only about the whole text, and here tokens of it are missing (slices). "
            "Give the result before it was sliced; `select_steps` keeps all inputs."
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
        default_start=result.answer_start,
        input_text="",
        target_text="",
        segments=result.segments,
    )


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
    if (model.card.kind == "encoder-decoder") != (result.source_attributions is not None):
        raise InputError(f"The result is not of a model like {model.card.name!r}, which is {model.card.kind}.")
    options = QuestionOptions(
        function=LogProbability() if function is None else function,
        scores={},
        attribute_target=result.target_attributions is not None,
        include_eos_baseline=include_eos_baseline,
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


def _ids(tokens: Sequence[Token]) -> IntArray:
    return np.array([token.id for token in tokens], dtype=np.int64)
