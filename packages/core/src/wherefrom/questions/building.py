"""From examples and options to questions: target functions, contrasts, kept positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import PredictsSteps, SequenceModel, Side
from wherefrom.adapters.check import lacking
from wherefrom.arrays import Array, IntArray
from wherefrom.questions.contrast import (
    Contrast,
    contrast_logits,
    contrasts_as_list,
    make_contrast,
    needs_contrastive_pass,
    require_comparable,
    require_contrastive,
)
from wherefrom.questions.examples import Example
from wherefrom.questions.question import Question
from wherefrom.questions.spans import span_targets, target_of_spans
from wherefrom.questions.stochastic import with_samples
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import StepFunction
from wherefrom.text.alignment import one_per_example
from wherefrom.text.tokens import Segment, Token


@frozen(kw_only=True, eq=False)
class QuestionOptions:
    """What is asked of every example alike."""

    function: StepFunction
    """The target function."""
    scores: Mapping[str, StepFunction] = field(factory=dict)
    attribute_target: bool = True
    include_eos_baseline: bool = False
    keep_special: bool = True
    span: Any = None
    seed: int
    contrast_targets: Any = None
    contrast_sources: Any = None
    contrast_alignments: Any = None
    contrast_force_inputs: bool = False
    add_special_tokens: bool = True
    sampled: bool = True
    """Are the stochastic passes made that step scores need? They are not where only the cost is asked."""

    @property
    def has_contrast(self) -> bool:
        """Is there anything to compare with?"""
        return self.contrast_targets is not None or self.contrast_sources is not None

    @property
    def explained_in(self) -> Literal["own", "contrastive"] | None:
        """In which context the target function reads a contrastive token; None: step scores alone compare."""
        if not self.function.contrastive:
            return None
        return "contrastive" if self.contrast_force_inputs else "own"


@frozen(kw_only=True, eq=False)
class Prepared:
    """Questions, with what is to be told about them."""

    questions: list[Question]
    """Of the examples that have a step to explain, in order."""
    details: list[dict[str, Any]]
    """Per example: the pairs of a contrast, and in which context they are what is explained."""
    warnings: list[str] = field(factory=list)


def prepare(
    model: SequenceModel, examples: Sequence[Example], positions: Sequence[IntArray], options: QuestionOptions
) -> Prepared:
    """One question per example with a step. A contrast costs one forward pass per example, for all steps and
    functions."""
    explained = [_explained(example, steps, options) for example, steps in zip(examples, positions, strict=True)]
    contrasts = _contrasts(model, examples, [steps for steps, _ in explained], options)
    notes = list(require_comparable(options.function, contrasts, contrast_force_inputs=options.contrast_force_inputs))
    notes += [note for contrast in contrasts if contrast is not None for note in contrast.warnings]
    logits = _contrastive_passes(model, contrasts, options)
    questions = [
        _question(model, example, steps, groups, options, contrast, logits.get(index))
        for index, (example, (steps, groups), contrast) in enumerate(zip(examples, explained, contrasts, strict=True))
        if len(steps)
    ]
    details = [
        {} if contrast is None else {"contrast": contrast.details | {"explained_in": options.explained_in}}
        for contrast in contrasts
    ]
    return Prepared(questions=questions, details=details, warnings=notes)


def _explained(example: Example, steps: IntArray, options: QuestionOptions) -> tuple[IntArray, IntArray | None]:
    """The steps that are explained, and which of them together."""
    if options.span is None or not len(steps):
        return steps, None
    spans = span_targets(
        options.span,
        example.target_tokens,
        steps,
        [one for one in example.segments if one.side == "target"],
        answer_start=example.default_start,
    )
    return spans.steps, spans.groups


def _contrasts(
    model: SequenceModel, examples: Sequence[Example], positions: Sequence[IntArray], options: QuestionOptions
) -> list[Contrast | None]:
    if options.has_contrast:
        require_contrastive([options.function, *options.scores.values()])
    targets = contrasts_as_list(options.contrast_targets, len(examples), name="contrast_targets")
    sources = contrasts_as_list(options.contrast_sources, len(examples), name="contrast_sources")
    alignments = one_per_example(options.contrast_alignments, len(examples))
    return [
        make_contrast(
            model,
            example,
            steps,
            target=target,
            source=source,
            alignments=alignment,
            add_special_tokens=options.add_special_tokens,
        )
        if len(steps)
        else None
        for example, steps, target, source, alignment in zip(
            examples, positions, targets, sources, alignments, strict=True
        )
    ]


def _contrastive_passes(
    model: SequenceModel, contrasts: Sequence[Contrast | None], options: QuestionOptions
) -> dict[int, Array]:
    given = {index: contrast for index, contrast in enumerate(contrasts) if contrast is not None}
    wanted = needs_contrastive_pass(
        options.function, options.scores.values(), contrast_force_inputs=options.contrast_force_inputs
    )
    if not given or not wanted:
        return {}
    if not isinstance(model, PredictsSteps):
        raise lacking(model, PredictsSteps, "A contrast")
    return dict(zip(given, contrast_logits(model, list(given.values())), strict=True))


def _question(
    model: SequenceModel,
    example: Example,
    steps: IntArray,
    groups: IntArray | None,
    options: QuestionOptions,
    contrast: Contrast | None,
    logits: Array | None,
) -> Question:
    function = options.function if groups is None else target_of_spans(options.function)
    plain = TargetFunction(function=function, target_ids=example.target_ids[steps], card=model.card)
    source_ids = None if example.source is None else example.source.ids
    source_tokens = () if example.source is None else example.source.tokens
    kept_source = _kept(model, source_ids, source_tokens, options, start=False)
    kept_target = _kept(model, example.target_ids, example.target_tokens, options, start=source_ids is not None)
    question = Question(
        target_ids=example.target_ids,
        steps=steps,
        target_function=_target_function(
            plain, contrast, logits if options.contrast_force_inputs else None, groups=groups
        ),
        answer_start=example.default_start,
        source_ids=source_ids,
        source_tokens=source_tokens,
        target_tokens=example.target_tokens,
        attribute_target=options.attribute_target,
        kept_source=_with_template(kept_source, example.segments, "source", options),
        kept_target=_with_template(kept_target, example.segments, "target", options),
        sink=_sink(example.target_ids, source_ids, kept_target, options),
        segments=example.segments,
        seed=options.seed,
    )
    scores = {
        name: _target_function(evolve(plain, function=score), contrast, logits)
        for name, score in options.scores.items()
    }
    if options.sampled:
        scores = with_samples(model, question.row(), scores, seed=question.seed)
    return evolve(question, scores=scores)


def _target_function(
    plain: TargetFunction, contrast: Contrast | None, logits: Array | None, *, groups: IntArray | None = None
) -> TargetFunction:
    if contrast is not None and plain.function.contrastive:
        plain = contrast.target_function(plain, logits)
    return plain if groups is None else evolve(plain, groups=groups)


def _kept(
    model: SequenceModel, ids: IntArray | None, tokens: Sequence[Token], options: QuestionOptions, *, start: bool
) -> IntArray:
    """Positions that stay as they are: a decoder's start token, end tokens, and with ``keep_special`` all that the
    tokenizer adds."""
    if ids is None:
        return np.zeros(0, dtype=np.int64)
    card = model.card
    ends = np.isin(ids, card.eos_ids)
    kept = ends.copy()
    if options.keep_special:
        unknown = np.isin(ids, [-1 if card.unk_id is None or card.unk_id == card.bos_id else card.unk_id])
        kept |= np.array([token.special for token in tokens], dtype=bool) & ~unknown
    if options.include_eos_baseline:
        kept &= ~ends
    if start:
        kept[0] = True
    return np.flatnonzero(kept).astype(np.int64)


def _with_template(kept: IntArray, segments: Sequence[Segment], side: Side, options: QuestionOptions) -> IntArray:
    """The kept positions, and those of a chat template's own tokens."""
    if not options.keep_special:
        return kept
    template = [np.arange(one.start, one.end) for one in segments if one.kind == "template" and one.side == side]
    return np.union1d(kept, np.concatenate(template)).astype(np.int64) if template else kept


def _sink(target_ids: IntArray, source_ids: IntArray | None, kept: IntArray, options: QuestionOptions) -> IntArray:
    """The first position of a decoder-only model's sequence, where no special token stands there."""
    if source_ids is not None or not options.keep_special or not len(target_ids) or 0 in kept:
        return np.zeros(0, dtype=np.int64)
    return np.zeros(1, dtype=np.int64)
