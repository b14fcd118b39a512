"""From a method's answer, in the model's own arrays, to a result; and from a result back to its example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from wherefrom.adapters import Encoding, ModelCard, PredictsSteps, SequenceModel
from wherefrom.arrays import Array, IntArray, to_numpy
from wherefrom.errors import InputError
from wherefrom.methods.contract import OWN_STEP_AGGREGATION, AnyMethod, Scores
from wherefrom.questions.examples import Example
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.aggregators.functions import combine
from wherefrom.results.aggregators.slices import Slices
from wherefrom.results.attribution import Attribution
from wherefrom.results.data import AttributionData
from wherefrom.results.direction import FALLS
from wherefrom.settings import fields_of
from wherefrom.step_functions.base import StepFunction
from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Token, visible_to_steps


def missing_scores(model: PredictsSteps, question: Question, found: Mapping[str, Array]) -> dict[str, Array]:
    """The step scores that a method's own passes did not give, from one more forward pass; none if all are there."""
    missing = {name: score for name, score in question.scores.items() if name not in found}
    if not missing:
        return {}
    (answer,) = model.predict([question.row(scores=True, target_function=None)])
    return {name: answer.scores[name] for name in missing}


def attribution_of(
    example: Example,
    question: Question,
    method: AnyMethod,
    scores: Scores,
    extra_scores: Mapping[str, Array],
    functions: Mapping[str, StepFunction],
    *,
    clean_special_chars: bool,
) -> Attribution:
    """The result for one example.

    A span target merges the steps of each group into one unit: its own rows are summed, its step scores merged by
    each function's rule, the method's own summed.
    """
    start, end = int(question.steps[0]), int(question.steps[-1]) + 1
    target_tokens: tuple[Token, ...] = example.target_tokens
    source, target = (one if scores.new else _as_result(one) for one in (scores.source, scores.target))
    step_scores = {name: to_numpy(values) for name, values in {**scores.step_scores, **extra_scores}.items()}
    rules = dict.fromkeys(scores.step_scores, OWN_STEP_AGGREGATION)
    rules |= {name: function.span_aggregation for name, function in functions.items()}
    groups = question.target_function.groups
    if groups is not None:
        target_tokens, target, step_scores, end = _merged(question, target_tokens, target, step_scores, rules)
    if target is not None:
        target[~visible_to_steps(target_tokens, target_tokens[start:end])] = 0  # in place: of long inputs it is large
    source_tokens = example.source_tokens
    if clean_special_chars:
        source_tokens, target_tokens = _cleaned(source_tokens), _cleaned(target_tokens)
    return Attribution(
        source=source_tokens,
        target=target_tokens,
        source_attributions=source,
        target_attributions=target,
        step_scores=step_scores,
        sequence_scores={name: _as_result(values) for name, values in scores.sequence_scores.items()},
        attr_pos_start=start,
        attr_pos_end=end,
        dimensions=method.dimensions,
        method=method.identifier,
        signed=is_signed(method),
        default_aggregation=method.aggregation,
        step_aggregation=rules,
        segments=example.segments,
        details={**_reference(method), **_direction(method, question.target_function), **scores.details},
    )


def _reference(method: AnyMethod) -> dict[str, Any]:
    """What stands for absent inputs, where the method has such a setting: a name or an id; else just that it was
    given."""
    if "baseline" not in fields_of(type(method)):
        return {}
    baseline = method.baseline  # type: ignore[attr-defined]
    return {"baseline": baseline if isinstance(baseline, str | int) else "given"}


def _direction(method: AnyMethod, explained: TargetFunction) -> dict[str, Any]:
    """The name of the target function, where scores carry a sign and are negative of what makes a model surer; empty,
    where their sign is not the target function's."""
    if not (explained.falls and is_signed(method)):
        return {}
    return {FALLS: explained.function.identifier if explains_with_sign(method) else ""}


def example_of(model: SequenceModel, result: AttributionData) -> Example:
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


def _ids(tokens: Sequence[Token]) -> IntArray:
    return np.array([token.id for token in tokens], dtype=np.int64)


@runtime_checkable
class TakesAbsoluteValues(Protocol):
    """A method with a setting that drops signs."""

    @property
    def abs(self) -> bool: ...


def without_steps(
    example: Example, method: AnyMethod, score_names: Sequence[str], card: ModelCard, *, has_target: bool
) -> Attribution:
    """The result for an example whose target has none of the steps that were asked for: no column."""
    source, target = example.source_tokens, example.target_tokens
    sizes = {"width": card.width, "layer": card.layers, "head": card.heads}
    rest = tuple(sizes.get(name, 0) for name in method.dimensions)
    return Attribution(
        source=source,
        target=target,
        source_attributions=None if example.source is None else np.zeros((len(source), 0, *rest)),
        target_attributions=np.zeros((len(target), 0, *rest)) if has_target else None,
        step_scores={name: np.zeros(0) for name in score_names},
        attr_pos_start=len(target),
        attr_pos_end=len(target),
        dimensions=method.dimensions,
        method=method.identifier,
        signed=is_signed(method),
        default_aggregation=method.aggregation,
        segments=example.segments,
    )


def is_signed(method: AnyMethod) -> bool:
    """Do this method's scores carry a sign, with its settings as they are?"""
    return method.signed or (isinstance(method, TakesAbsoluteValues) and not method.abs)


def explains_with_sign(method: AnyMethod) -> bool:
    """Do this method's scores say which way each input moves the target function?"""
    return is_signed(method) and method.uses_target_function


def _as_result(array: Array | None) -> Any:
    if array is None:
        return None
    return np.array(to_numpy(array), order="C")  # a copy, which is ours to write to


def _cleaned(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    return tuple(msgspec.structs.replace(token, piece=token.text) for token in tokens)


def _merged(
    question: Question,
    tokens: tuple[Token, ...],
    target: npt.NDArray[Any] | None,
    step_scores: Mapping[str, npt.NDArray[Any]],
    rules: Mapping[str, str],
) -> tuple[tuple[Token, ...], npt.NDArray[Any] | None, dict[str, npt.NDArray[Any]], int]:
    """Steps of each group as one unit, in tokens, rows and step scores; and the index behind the last unit."""
    groups = question.target_function.groups
    assert groups is not None
    first, last = int(question.steps[0]), int(question.steps[-1]) + 1
    inner = np.flatnonzero(np.diff(groups, prepend=-1))
    starts = np.concatenate([np.arange(first), first + inner, np.arange(last, len(tokens))])
    ends = np.append(starts[1:], len(tokens))
    units = tuple(merged_token(tokens[a:b]) for a, b in zip(starts, ends, strict=True))
    rows = None if target is None else np.add.reduceat(target, starts, axis=0)
    merged = {}
    for name, values in step_scores.items():
        if len(values) == len(inner):
            merged[name] = values
            continue
        merged[name] = np.array([combine(rules[name], part, 0) for part in np.split(values, inner[1:])])
    return units, rows, merged, first + len(inner)
