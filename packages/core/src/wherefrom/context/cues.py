"""Which words of the context made the model say so.

Contextual cues imputation: the step of each selected token is explained by any attribution method and target function,
and the scores of the context's tokens are kept. All selected tokens are steps of one question, so they share the
method's passes.

A contrastive target function compares with what the model would have said at this step without the context: its
most likely next token there, read from the pass that was made to find the sensitive tokens. Where that is the very same
token, or the function compares whole predictions, it compares with the contextless prediction itself.

Source:
    Sarti, Chrupała, Nissim & Bisazza (2024), section 3.2, https://arxiv.org/abs/2310.01188.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import SequenceModel
from wherefrom.arrays import Array, FloatArray, IntArray, like, to_numpy
from wherefrom.context.readings import ForcedRun
from wherefrom.errors import InputError
from wherefrom.methods.answered import answered
from wherefrom.methods.answers import attribution_of
from wherefrom.methods.contract import AnyMethod, Scores
from wherefrom.progress import Progress
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.question import Question
from wherefrom.results.aggregation import AggregatorLike
from wherefrom.results.attribution import Attribution
from wherefrom.results.stages import Stage
from wherefrom.step_functions.base import StepFunction, compares_distributions, reads_contrast_alone
from wherefrom.text.tokens import Token

Reduce = AggregatorLike | Callable[[Attribution], Attribution]
"""What makes one number per token out of a method's scores: aggregators as `Attribution.aggregate` takes them, or a
function."""


@frozen(kw_only=True, eq=False)
class Alternatives:
    """What would have been said without the context, at each selected token."""

    ids: IntArray
    """Shape ``(K,)``."""
    logits: Array
    """Contextless predictions, shape ``(K, vocabulary)``."""


@frozen(kw_only=True, eq=False)
class Cues:
    """Scores of the contexts' tokens for one selected token."""

    input_context: FloatArray | None
    output_context: FloatArray | None
    """None where there is no such context, or the method (``dummy``) scores nothing."""
    details: dict[str, Any] = field(factory=dict)
    aggregations: tuple[Stage, ...] = ()
    """What made one number per token of the method's scores."""


def impute(
    model: SequenceModel,
    full: ForcedRun,
    selected: IntArray,
    method: AnyMethod,
    function: StepFunction,
    alternatives: Alternatives,
    *,
    reduce: Reduce = None,
    include_eos_baseline: bool = False,
    seed: int = 0,
    progress: Progress,
) -> tuple[list[Cues], list[str]]:
    """The cues of each selected token, in the order given, and what the method warned of.

    Args:
        full: The output behind its context.
        selected: Indices into the output, shape ``(K,)``.
        alternatives: Aligned with ``selected``.
        reduce: None: the L2 norm over the width, or the method's default aggregation without normalisation.
    """
    cues: dict[int, Cues] = {}
    notes: list[str] = []
    if not len(selected):
        return [], notes
    for members, forced in _groups(function, full.output_ids[selected], alternatives.ids):
        order = members[np.argsort(selected[members], kind="stable")]
        question = _question(
            model, full, selected[order], function, include_eos_baseline=include_eos_baseline, seed=seed
        )
        if function.contrastive:
            logits = alternatives.logits[like(alternatives.logits, order)] if forced else None
            target_function = evolve(
                question.target_function, contrast_ids=alternatives.ids[order], contrast_logits=logits
            )
            question = evolve(question, target_function=target_function)
        (scores,) = answered(method, model, [question], progress)
        notes.extend(scores.warnings)
        for member, one in zip(order, _columns(full, question, method, function, scores), strict=True):
            cues[int(member)] = _of_contexts(full, _reduced(one, reduce))
    return [cues[index] for index in range(len(selected))], notes


def _groups(function: StepFunction, said: IntArray, others: IntArray) -> Iterator[tuple[IntArray, bool]]:
    """Members that can be asked together, and whether they are compared with the contextless prediction."""
    everyone = np.arange(len(said))
    forced = np.zeros(len(said), dtype=bool)
    if function.contrastive:
        forced |= (said == others) | compares_distributions(function)
        forced &= not reads_contrast_alone(function)  # which the context would not reach
    for value in (False, True):
        members = everyone[forced == value]
        if len(members):
            yield members, value


def _question(
    model: SequenceModel,
    full: ForcedRun,
    selected: IntArray,
    function: StepFunction,
    *,
    include_eos_baseline: bool,
    seed: int,
) -> Question:
    options = QuestionOptions(
        function=function,
        attribute_target=full.source is None or bool(len(full.output_context)),
        include_eos_baseline=include_eos_baseline,
        seed=seed,
        contrast_force_inputs=True,  # a contrast is added below
    )
    return prepare(model, [full.example()], [full.output_start + selected], options).questions[0]


def _columns(
    full: ForcedRun, question: Question, method: AnyMethod, function: StepFunction, scores: Scores
) -> Iterator[Attribution]:
    """A result of its own for each step: they need not be neighbours."""
    for column, step in enumerate(question.steps):
        alone = evolve(
            question, steps=np.array([step]), target_function=question.target_function.at(np.array([column]))
        )
        mine = evolve(
            scores,
            source=None if scores.source is None else to_numpy(scores.source[:, column : column + 1]),
            target=None if scores.target is None else to_numpy(scores.target[:, column : column + 1]),
            step_scores={},
            sequence_scores={},
        )
        yield attribution_of(
            full.example(), alone, method, mine, {}, {function.identifier: function}, clean_special_chars=False
        )


def _reduced(one: Attribution, reduce: Reduce) -> Attribution:
    if reduce is None and one.dimensions == ("width",):
        reduced = one.aggregate("vnorm", normalize=False)  # how much a cue counts, whichever way
    elif reduce is None:
        stages = [stage for stage in one.default_aggregation if stage.name != "normalize"]
        reduced = one.aggregate(stages) if stages else one
    elif callable(reduce) and not isinstance(reduce, type):
        reduced = reduce(one)
    else:
        reduced = one.aggregate(reduce)
    if reduced.dimensions:
        raise InputError(
            f"After aggregation the scores still have {', '.join(reduced.dimensions)}; a cue has one number. Add an "
            "aggregation function for each."
        )
    return reduced


def _of_contexts(full: ForcedRun, one: Attribution) -> Cues:
    on_source = full.source is not None
    inputs, values = (one.source, one.source_attributions) if on_source else (one.target, one.target_attributions)
    return Cues(
        input_context=_at(full.input_context, inputs, values),
        output_context=_at(full.output_context, one.target, one.target_attributions),
        details=dict(one.details),
        aggregations=one.aggregations,
    )


def _at(positions: IntArray, units: Sequence[Token], values: Any) -> FloatArray | None:
    """Scores of the units that hold each position."""
    if not len(positions) or values is None:
        return None
    holder = np.zeros(max(unit.position + unit.size for unit in units), dtype=np.int64)
    for index, unit in enumerate(units):
        holder[unit.position : unit.position + unit.size] = index
    scores: FloatArray = to_numpy(values)[holder[positions], 0].astype(np.float64)
    return scores
