"""`trace`: from an answer through its reasoning to the prompt, with a model at hand."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import Reserves
from wherefrom.adapters.given import adapter_of
from wherefrom.arrays import IntArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError, UsageError, WherefromWarning
from wherefrom.methods.answers import example_of, is_signed
from wherefrom.methods.contract import AnyMethod
from wherefrom.methods.cost import Cost
from wherefrom.methods.dummy import Dummy
from wherefrom.methods.layer_gradient_x_activation import LayerGradientXActivation
from wherefrom.methods.request import Request, requested
from wherefrom.progress import Progress, reported
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.examples import Example, require_one_answer, require_one_given
from wherefrom.questions.given import ContrastText, InputText, Target, Text, as_contrasts, as_inputs, in_json
from wherefrom.questions.question import Question
from wherefrom.questions.spans import additive
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.hops import walked
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.results.tracing import LeftOut, SignRule, left_out_rows, span_of, traced
from wherefrom.settings import check_call, non_default, plain
from wherefrom.step_functions.base import StepFunctionLike, compares_distributions, plain_without_contrast
from wherefrom.step_functions.probability import Probability
from wherefrom.text.alignment import Alignments
from wherefrom.text.places import Place, as_setting
from wherefrom.tracing.reading import SpanReader

DEFAULT_METHOD = LayerGradientXActivation(depth=0.3, multiply_by_inputs=False)
"""Reads each hop where nobody says what shall: of the cheap methods the one that found most planted evidence on two
pretrained models, at the price of seven tenths of a backward pass."""


_ALMOST_ALL = 0.99
"""Of the mass: where so much was lost, it is told."""


def trace(
    model: AttributionModel,
    prompt: InputText,
    output: Target | None = None,
    *,
    span: Place | None = None,
    reasoning: Place | None = None,
    hops: int = 1,
    method: str | AnyMethod | type[AnyMethod] | None = None,
    leave_out: LeftOut = "sink",
    signed: SignRule = "positive",
    attributed_fn: StepFunctionLike | None = None,
    contrast_targets: ContrastText | None = None,
    contrast_targets_alignments: Alignments = None,
    generation_args: Mapping[str, Any] | None = None,
    seed: int = 0,
    show_progress: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> Attributions:
    """Where an answer comes from when what was generated before it is followed back to the prompt.

    The span is explained as one thing; the mass that it puts on generated tokens is the weight with which those are
    explained in the next hop, and so on. With a gradient method each hop is one forward and one backward pass, however
    long the output. For the exact solution over a map of all steps, attribute and ask the result:
    `Attribution.trace`. The two are not the same: here several steps are read together, so what they contradict each
    other in cancels before the sign is dropped.

    Args:
        model: A loaded model.
        prompt: A text, a chat or ids, one of these.
        output: What was generated, as `AttributionModel.attribute` takes it; None lets the model generate.
        span: The answer within the output: a text, a regular expression, a turn or positions, as
            `wherefrom.text.places.Place` says; None: the last sentence.
        reasoning: Generated tokens that pass on what reaches them, named likewise; None: all.
        hops: How often mass is passed on. 0 explains the span alone.
        method: Identifier, object or class; None: the model's own, else
            ``layer_gradient_x_activation(depth=0.3, multiply_by_inputs=False)``: the gradient's norm three tenths of
            the way up.
        leave_out: Inputs that take no part: ``"sink"``, ``"special"`` or ``"nothing"``.
        signed: Of signed scores, the ``"positive"`` part, which raises the answer, the ``"magnitude"``, or
            ``"refuse"``.
        attributed_fn: The target function, summed over the span; where its values would multiply, its logarithm; where
            it falls as the model becomes surer (``crossentropy``), its negative.
        contrast_targets: What could have been said instead, as `AttributionModel.attribute` takes it; ``attributed_fn``
            must compare with it. The span is explained by the difference, in the very predictions that were made; what
            it read of generated tokens is followed by the same function without a contrast, since a token compared
            with itself has no reason; by the log-probability where the function says nothing without one
            (``pcxmi``, ``in_context_pvi``, own functions that do not state ``plain_without_contrast``).
        contrast_targets_alignments: Which step is compared with which; by default position by position where what
            differs has as many tokens on both sides, else by the shortest edit script (`wherefrom.text.alignment`).
        generation_args: Handed to generation.
        seed: For everything random.
        show_progress: Keep a line about progress on a terminal.
        progress: Called with (phase, done, total) instead.
        **settings: Settings of the method and the target function, by name.

    Returns:
        One result: a column after no hop, one after each further hop, each summing to 1, rows of generated tokens
        holding what is still on its way. The details tell the mass per hop and what passed through each token.

    Raises:
        UsageError: Something does not fit; the message says what, why and what to do.

    Source:
        Hops through the generation: Pan et al. (2026), FlashTrace, https://arxiv.org/abs/2602.01914. With gradients of
        the weighted span, for any method, target function and architecture: ours.
    """
    started, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    _check(hops)
    check_call(trace, locals(), hops=0)
    adapter_of(model)
    prompt = _one_of(prompt)
    require_one_answer(generation_args or {}, "A trace")
    contrast_targets = as_contrasts(contrast_targets, "contrast_targets")
    request = _requested(model, method, attributed_fn, settings)
    with (
        model.adapter.reserved() if isinstance(model.adapter, Reserves) else nullcontext(),
        reported(show_progress, progress) as tell,
    ):
        clean = model.attribute(
            prompt,
            output,
            method=Dummy(),
            generation_args=generation_args,
            seed=seed,
            show_progress=False,
            progress=tell,
        )
        require_one_given(len(clean), "A trace")
        example = _example(model, prompt, clean[0])
        contrast = (contrast_targets, contrast_targets_alignments)
        planned = _planned(model, example, clean[0], request, span, reasoning, seed, contrast)
        made = _followed(model, planned, request, hops, leave_out, signed, tell)
    stage = Stage(name="trace", settings=_told(span, reasoning, hops, leave_out, signed))
    made = made.replace(method=request.method.identifier, aggregations=(stage,))
    provenance: Provenance = msgspec.structs.replace(
        clean.provenance,
        method={"name": request.method.identifier, "settings": non_default(request.method)},
        attributed_fn={"name": request.function.identifier, "settings": non_default(request.function)},
        arguments={
            **clean.provenance.arguments,
            "trace": plain(dict(stage.settings)),
            **({} if contrast_targets is None else {"contrast_targets": in_json(contrast_targets)}),
            **(
                {}
                if contrast_targets_alignments is None
                else {"contrast_targets_alignments": plain(contrast_targets_alignments)}
            ),
        },
        created=created,
        seconds=round(time.perf_counter() - started, 3),
    )
    return Attributions(sequence_attributions=(made,), provenance=provenance)


def trace_cost(
    model: AttributionModel,
    prompt: InputText,
    output: Target,
    *,
    span: Place | None = None,
    hops: int = 1,
    method: str | AnyMethod | type[AnyMethod] | None = None,
    attributed_fn: StepFunctionLike | None = None,
    contrast_targets: ContrastText | None = None,
    contrast_targets_alignments: Alignments = None,
    **settings: Any,
) -> Cost | None:
    """What `trace` will ask of the model at most, told without asking it; None: its method cannot say.

    A hop is left out where nothing is on its way any more.
    """
    _check(hops)
    check_call(trace_cost, locals(), hops=0)
    adapter_of(model)
    prompt = _one_of(prompt)
    request = _requested(model, method, attributed_fn, settings)
    clean = model.attribute(prompt, output, method=Dummy(), show_progress=False)
    contrast = (contrast_targets, contrast_targets_alignments)
    planned = _planned(model, _example(model, prompt, clean[0]), clean[0], request, span, None, 0, contrast)
    start = _start(planned)
    reader = _reader(model, planned, request, "sink", "positive", lambda phase, done, total: None)
    one = request.method.cost_on(model.adapter, reader.asked(start))
    return None if one is None else evolve(one.times(hops + 1), at_most=one.at_most or hops > 0)


@frozen(kw_only=True, eq=False)
class _Plan:
    """What will be asked."""

    clean: Attribution
    """The example with no scores."""
    question: Question
    """About the span, with its contrast."""
    whole: Question
    """About all that was generated, without one."""
    span: IntArray
    """Indices into the target."""
    reasoning: IntArray
    sources: int
    """Source tokens that are inputs of their own."""
    details: Mapping[str, Any]
    """The pairs of a contrast, those of the span."""

    @property
    def without_contrast(self) -> Question:
        """The question about what the span read: of the same function, or of the log-probability where that is nothing
        without a contrast."""
        asked = self.whole.target_function
        function = asked.function if plain_without_contrast(asked.function) else Probability(logprob=True)
        return evolve(self.whole, target_function=evolve(asked, function=function))


def _check(hops: object) -> None:
    """Refuse what a trace of a result takes and this does not."""
    if hops is None:
        raise SettingsError(
            "hops = None: give a whole number, 0 or more. For the exact end of all hops attribute every step and ask "
            "the result: result.trace(span)."
        )


def _requested(
    model: AttributionModel,
    method: str | AnyMethod | type[AnyMethod] | None,
    attributed_fn: StepFunctionLike | None,
    settings: Mapping[str, Any],
) -> Request:
    if method is None:
        method = DEFAULT_METHOD if model.method is None else model.method
    return requested(
        model.adapter,
        method,
        attributed_fn,
        (),
        default_function=model.attributed_fn,
        settings=settings,
        attribution_args={},
        attributed_fn_args={},
        step_scores_args={},
        reserved=_TRACE_PARAMETERS,
    )


def _one_of(prompt: InputText) -> Text:
    """The one prompt.

    Raises:
        InputError: There are several.
    """
    inputs = as_inputs(prompt)
    if len(inputs) > 1:
        raise InputError(f"A trace follows one answer, and {len(inputs)} prompts came. Trace them one by one.")
    return inputs[0]


def _example(model: AttributionModel, prompt: Text, clean: Attribution) -> Example:
    """The example that was read; of a chat with its prompt, which a contrast may leave out or repeat."""
    example = example_of(model.adapter, clean)
    if isinstance(prompt, str | np.ndarray) or example.source is not None:
        return example
    return evolve(example, prompt=model.adapter.encode(prompt, side="target"))


def _planned(
    model: AttributionModel,
    example: Example,
    clean: Attribution,
    request: Request,
    span: Place | None,
    reasoning: Place | None,
    seed: int,
    contrast: tuple[ContrastText | None, Alignments],
) -> _Plan:
    if contrast[0] is not None and compares_distributions(request.function):
        raise UsageError(
            f"{request.function.identifier} compares whole predictions, and a trace looks the contrast up in the "
            "prediction that is explained, where there is no other one. Use contrast_logits_diff or logprob_diff."
        )
    options = QuestionOptions(
        function=additive(request.function),
        seed=seed,
        contrast_targets=contrast[0],
        contrast_alignments=contrast[1],
    )
    first, end = clean.attr_pos_start, clean.attr_pos_end
    steps = np.arange(first, end, dtype=np.int64)
    where = span_of(span, clean.target, clean.segments, first, end)
    prepared = prepare(model.adapter, [example], [np.arange(where[0], where[-1] + 1, dtype=np.int64)], options)
    for note in prepared.warnings:
        warnings.warn(note, WherefromWarning, stacklevel=3)
    _differs(prepared.questions[0], where, clean)
    alone = evolve(options, contrast_targets=None, contrast_alignments=None)
    return _Plan(
        clean=clean,
        question=prepared.questions[0],
        whole=prepare(model.adapter, [example], [steps], alone).questions[0],
        details=prepared.details[0],
        span=where,
        reasoning=steps
        if reasoning is None
        else span_of(reasoning, clean.target, clean.segments, first, end, name="reasoning"),
        sources=len(clean.source) if model.adapter.card.kind == "encoder-decoder" else 0,
    )


def _differs(question: Question, span: IntArray, clean: Attribution) -> None:
    """Refuse a contrast that says the same where the trace begins."""
    other = question.target_function.contrast_ids
    if other is None:
        return
    chosen = span - int(question.steps[0])
    if (other[chosen] == question.target_function.target_ids[chosen]).all():
        said = "".join(clean.target[index].text for index in span).strip()
        raise InputError(
            f"contrast_targets says the same as the output at the span ({said!r}), so there is nothing to follow. "
            "Give a contrast that differs there, or another span."
        )


def _start(plan: _Plan) -> Any:
    start = np.zeros(plan.sources + len(plan.clean.target))
    start[plan.sources + plan.span] = 1 / len(plan.span)
    return start


def _reader(
    model: AttributionModel, plan: _Plan, request: Request, leave_out: LeftOut, signed: SignRule, progress: Progress
) -> SpanReader:
    return SpanReader(
        model=model.adapter,
        method=request.method,
        signed=is_signed(request.method),
        question=plan.question,
        left_out=left_out_rows(plan.clean.source if plan.sources else (), plan.clean.target, leave_out),
        rule=signed,
        progress=progress,
    )


def _followed(
    model: AttributionModel,
    plan: _Plan,
    request: Request,
    hops: int,
    leave_out: LeftOut,
    signed: SignRule,
    progress: Progress,
) -> Attribution:
    done = 0

    def tell(phase: str, finished: int, of: int) -> None:
        if of != 1:
            progress(phase, finished, of)

    reader = _reader(model, plan, request, leave_out, signed, tell)

    later = evolve(reader, question=plan.without_contrast)

    def read(masses: Any) -> Any:
        nonlocal done
        went = (later if done else reader)(masses)
        done += 1
        progress("hop", done, hops + 1)
        return went

    passes_on = np.zeros(plan.sources + len(plan.clean.target), dtype=bool)
    passes_on[plan.sources + plan.reasoning] = True
    walk = walked(read, _start(plan), passes_on, hops)
    if walk.lost > _ALMOST_ALL:
        warnings.warn(_of_nothing(plan, request), WherefromWarning, stacklevel=3)
    one = plan.clean
    if plan.sources:  # so that the walk's rows of the source find their place
        one = one.replace(source_attributions=np.zeros((plan.sources, one.attr_pos_end - one.attr_pos_start)))
    facts = {"hops": hops, "leave_out": leave_out, "readings": done}
    made = one.replace(**traced(one, walk, plan.span, one.attr_pos_start, facts))
    return made.replace(details={**made.details, **plan.details}) if plan.details else made


def _of_nothing(plan: _Plan, request: Request) -> str:
    """Why a trace lost its mass."""
    asked = plan.question.target_function
    said = "".join(plan.clean.target[index].text for index in plan.span).strip()
    if (
        request.method.uses_target_function
        and asked.contrast_ids is None
        and not plain_without_contrast(asked.function)
    ):
        why = (
            f"{asked.function.identifier} compares with a contrast, and none is given. Pass contrast_targets, or take "
            "another attributed_fn."
        )
    else:
        why = (
            f"{request.method.identifier} has no score above 0 there, or where it leads. Take another method, "
            "attributed_fn or span, or signed='magnitude', which counts what lowers the answer, too."
        )
    return f"The trace of {said!r} leads nowhere, its columns are (almost) all 0: {why}"


def _told(
    span: Place | None, reasoning: Place | None, hops: int, leave_out: LeftOut, signed: SignRule
) -> dict[str, Any]:
    told = {"span": as_setting(span), "reasoning": as_setting(reasoning), "leave_out": leave_out, "signed": signed}
    defaults = {"span": None, "reasoning": None, "leave_out": "sink", "signed": "positive"}
    return {
        **{name: plain(value) for name, value in told.items() if value != defaults[name]},
        "hops": hops,
    }


_TRACE_PARAMETERS = tuple(inspect.signature(trace).parameters)
