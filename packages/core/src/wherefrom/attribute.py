"""A model with questions put to it: what `load_model` returns and where `attribute` lives.

`attribute` only directs: texts become examples (`wherefrom.questions.examples`), keyword arguments become settings
(`wherefrom.questions.routing`), examples become questions (`wherefrom.questions.building`), a method answers them, and
the answers become results (`wherefrom.methods.answers`).
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import Moves, PredictsSteps, Reserves, SequenceModel
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError, ModelCapabilityError, SettingsError, WherefromWarning
from wherefrom.methods.answers import attribution_of, missing_scores
from wherefrom.methods.capabilities import check_capabilities
from wherefrom.methods.contract import METHODS, Method
from wherefrom.methods.finite import not_finite_note
from wherefrom.progress import Progress, terminal_progress
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.examples import (
    Example,
    InputText,
    Target,
    as_inputs,
    as_targets,
    encode_input,
    forced_example,
    generated_example,
    per_answer,
)
from wherefrom.questions.positions import step_positions
from wherefrom.questions.question import Question
from wherefrom.questions.routing import Consumer, deal
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance, library_versions
from wherefrom.settings import non_default, plain
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction
from wherefrom.step_functions.differentiability import require_differentiable, require_explainable
from wherefrom.step_functions.registration import step_function_of

DEFAULT_FUNCTION = "probability"

StepFunctionLike = str | StepFunction | Callable[..., Any]
"""A registered name, a step function with its settings, or a plain function of the prediction."""


class AttributionModel:
    """A loaded model and the method it is explained with unless a call says otherwise.

    Attributes:
        adapter: The model behind the Protocols of `wherefrom.adapters`.
        method: The default method with its settings, or None.
        attributed_fn: The default target function.
    """

    def __init__(self, adapter: SequenceModel, method: Method | None = None) -> None:
        self.adapter = adapter
        self.method = method
        self.attributed_fn: StepFunctionLike = DEFAULT_FUNCTION

    def __repr__(self) -> str:
        card = self.adapter.card
        return f"AttributionModel({card.name!r}, {card.kind}, method={self.method!r})"

    def generate(
        self,
        inputs: InputText | Sequence[InputText],
        *,
        batch_size: int | None = None,
        skip_special_tokens: bool = True,
        output_generated_only: bool = False,
        seed: int | None = None,
        **generation_args: Any,
    ) -> list[str]:
        """Texts that the model generates.

        Args:
            inputs: Texts or chats.
            batch_size: Inputs at once; None: all.
            skip_special_tokens: Leave special tokens out of the texts.
            output_generated_only: Decoder-only: without the prompt.
            seed: For sampling; None leaves the random state alone.
            **generation_args: Handed to the framework's generation (``max_new_tokens``, ``num_beams``, ...).

        Returns:
            One text per input and returned sequence, prompt included for decoder-only models.
        """
        encodings = [encode_input(self.adapter, text, add_special_tokens=True) for text in as_inputs(inputs)]
        texts: list[str] = []
        for some in _batches(encodings, batch_size):
            answers = self.adapter.generate([one.ids for one in some], settings=generation_args, seed=seed)
            for encoding, sequences in zip(some, answers, strict=True):
                for ids in sequences:
                    begin = len(encoding.ids) if output_generated_only and self._is_decoder_only else 0
                    texts.append(self.adapter.decode(ids[begin:], skip_special_tokens=skip_special_tokens))
        return texts

    def attribute(
        self,
        input_texts: Any,
        generated_texts: Any = None,
        method: str | Method | type[Method] | None = None,
        override_default_attribution: bool = False,
        attr_pos_start: int | None = None,
        attr_pos_end: int | None = None,
        show_progress: bool = True,
        pretty_progress: bool = True,
        output_step_attributions: bool = False,
        attribute_target: bool | None = None,
        step_scores: Sequence[StepFunctionLike] = (),
        include_eos_baseline: bool = False,
        keep_special: bool = True,
        attributed_fn: StepFunctionLike | None = None,
        device: str | None = None,
        batch_size: int | None = None,
        generate_from_target_prefix: bool = False,
        skip_special_tokens: bool = False,
        clean_special_chars: bool = False,
        generation_args: Mapping[str, Any] | None = None,
        *,
        attribution_args: Mapping[str, Any] | None = None,
        attributed_fn_args: Mapping[str, Any] | None = None,
        step_scores_args: Mapping[str, Any] | None = None,
        attributed_span: Any = None,
        contrast_targets: Any = None,
        contrast_sources: Any = None,
        contrast_targets_alignments: Any = None,
        contrast_force_inputs: bool = False,
        seed: int = 0,
        ids: Sequence[str | None] | None = None,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Attributions:
        """Explain texts: where does each of their tokens come from?

        Args:
            input_texts: A text, a chat (list of ``{"role", "content"}`` messages), or a list of these.
            generated_texts: Targets to explain, as text or as ids, one per input; None lets the model generate. For
                decoder-only models a target repeats its prompt and continues it.
            method: Identifier, object or class; None is the model's own method.
            override_default_attribution: Make ``method`` the model's own from now on.
            attr_pos_start: First target position to explain; negative counts from the end. By default the first that
                was answered; a position within a prompt explains the prompt itself.
            attr_pos_end: Position after the last one, exclusive; negative counts from the end; at most the end.
            show_progress: Keep a line about progress on a terminal. ``pretty_progress`` is accepted and adds nothing.
            output_step_attributions: Accepted for compatibility: every result has `Attribution.step_attributions`.
            attribute_target: Encoder-decoder: are scores of the target prefix wanted too? Yes by default.
            step_scores: Step functions to record at each step: names, objects or functions.
            include_eos_baseline: Let baselines and perturbations replace end tokens as well.
            keep_special: Baselines and perturbations leave special tokens and a chat template's own as they are, and
                paths also the first token of a decoder-only model that has none (its attention sink).
            attributed_fn: The scalar to explain at each step; ``probability`` by default.
            device: Move the model there for this call.
            batch_size: Examples put to the method at once; None: all. It bounds memory and changes no number.
            generate_from_target_prefix: Encoder-decoder: ``generated_texts`` are beginnings that the model continues.
            skip_special_tokens: Encode texts without special tokens.
            clean_special_chars: Show readable text instead of vocabulary pieces in the tokens.
            generation_args: Handed to generation.
            attribution_args: Settings for the method alone, where a name would clash.
            attributed_fn_args: Settings for the target function alone.
            step_scores_args: Settings for the step scores alone.
            attributed_span: Explain sums over spans of steps instead of single steps; see `wherefrom.questions.spans`.
            contrast_targets: Texts (or ids) that the targets are compared with; see `wherefrom.questions.contrast`.
            contrast_sources: Other inputs to compare with.
            contrast_targets_alignments: Which step is compared with which; by default a minimal edit script.
            contrast_force_inputs: Take contrastive values from the contrastive inputs in the target function too.
            seed: For everything random: sampling, perturbations, noise.
            ids: Names of the examples, kept in the results.
            progress: Called with (phase, done, total).
            **settings: Settings of the method, the target function and the step scores, by name.

        Returns:
            One `Attribution` per target, and how they were made.

        Raises:
            UsageError: Something does not fit; the message says what, why and what to do.
        """
        started, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
        if isinstance(step_scores, str):
            step_scores = [step_scores]
        request = self.resolve(
            method, attributed_fn, step_scores, settings, attribution_args, attributed_fn_args, step_scores_args
        )
        if override_default_attribution:
            self.method = request.method
        inputs = as_inputs(input_texts)
        targets = as_targets(generated_texts, len(inputs))
        include_target = self._attribute_target(attribute_target)
        with (
            self._reserved(),
            self.moved(device),
            terminal_progress(show_progress and progress is None)
            if progress is None
            else nullcontext(progress) as tell,
        ):
            examples = self._examples(
                inputs,
                targets,
                add_special_tokens=not skip_special_tokens,
                continue_targets=generate_from_target_prefix,
                generation_args=generation_args or {},
                batch_size=batch_size,
                seed=seed,
                progress=tell,
            )
            ids, contrast_targets, contrast_sources, contrast_targets_alignments = (
                per_answer(value, len(inputs), len(examples))
                for value in (ids, contrast_targets, contrast_sources, contrast_targets_alignments)
            )
            positions = [
                step_positions(
                    attr_pos_start, attr_pos_end, length=len(example.target_ids), default_start=example.default_start
                )
                for example in examples
            ]
            options = QuestionOptions(
                function=request.function,
                scores=request.scores,
                attribute_target=include_target,
                include_eos_baseline=include_eos_baseline,
                keep_special=keep_special,
                span=attributed_span,
                seed=seed,
                contrast_targets=contrast_targets,
                contrast_sources=contrast_sources,
                contrast_alignments=contrast_targets_alignments,
                contrast_force_inputs=contrast_force_inputs,
                add_special_tokens=not skip_special_tokens,
            )
            prepared = prepare(self.adapter, examples, positions, options)
            notes = list(prepared.warnings)
            results = list(
                self._answered(examples, prepared.questions, request, batch_size, clean_special_chars, notes, tell)
            )
            results = [
                one.replace(details={**one.details, **more}) if more else one
                for one, more in zip(results, prepared.details, strict=True)
            ]
        if ids is not None:
            results = [one.replace(id=name) for one, name in zip(results, ids, strict=True)]
        for note in dict.fromkeys(notes):
            warnings.warn(note, WherefromWarning, stacklevel=2)
        provenance = Provenance(
            library_version=library_versions().get("wherefrom", ""),
            versions={**library_versions(), **self.adapter.card.versions},
            model=msgspec.to_builtins(self.adapter.card),
            method={"name": request.method.identifier, "settings": non_default(request.method)},
            attributed_fn=_described(request.function),
            step_scores=[_described(function) for function in request.scores.values()],
            arguments={
                name: plain(value)
                for name, value in (
                    ("attr_pos_start", attr_pos_start),
                    ("attr_pos_end", attr_pos_end),
                    ("attribute_target", include_target),
                    ("include_eos_baseline", include_eos_baseline),
                    ("keep_special", None if keep_special else keep_special),
                    ("skip_special_tokens", skip_special_tokens),
                    ("generate_from_target_prefix", generate_from_target_prefix),
                    ("attributed_span", attributed_span),
                    ("contrast_targets", contrast_targets),
                    ("contrast_sources", contrast_sources),
                    ("contrast_targets_alignments", contrast_targets_alignments),
                    ("contrast_force_inputs", contrast_force_inputs),
                )
                if value is not None and (value is not False or name == "keep_special")
            },
            generation_args=plain(dict(generation_args or {})),
            input_texts=[example.input_text for example in examples],
            generated_texts=[example.target_text for example in examples],
            constrained_decoding=targets is not None,
            seed=seed,
            created=created,
            seconds=round(time.perf_counter() - started, 3),
            warnings=list(dict.fromkeys(notes)),
        )
        return Attributions(sequence_attributions=tuple(results), provenance=provenance)

    @property
    def _is_decoder_only(self) -> bool:
        return self.adapter.card.kind == "decoder-only"

    def resolve(
        self,
        method: str | Method | type[Method] | None,
        attributed_fn: StepFunctionLike | None,
        step_scores: Sequence[StepFunctionLike],
        settings: Mapping[str, Any],
        attribution_args: Mapping[str, Any] | None,
        attributed_fn_args: Mapping[str, Any] | None,
        step_scores_args: Mapping[str, Any] | None,
    ) -> Resolved:
        """The method, the target function and the step scores, with their settings."""
        consumers = [
            _method_consumer(self.method if method is None else method, attribution_args or {}),
            _function_consumer(
                self.attributed_fn if attributed_fn is None else attributed_fn, attributed_fn_args or {}
            ),
            *(_function_consumer(score, {}, shared=step_scores_args or {}) for score in step_scores),
        ]
        for name in step_scores_args or {}:
            if not any(name in consumer.accepts for consumer in consumers[2:]):
                raise SettingsError(f"step_scores_args has {name!r}, but no step score takes it.")
        chosen, function, *scores = deal(settings, consumers, reserved=_ATTRIBUTE_PARAMETERS)
        check_capabilities(self.adapter, chosen)
        if chosen.uses_target_function:
            require_explainable(function)
        if chosen.differentiates:
            require_differentiable(function, method=chosen.identifier)
        if not chosen.uses_target_function and attributed_fn is not None:
            warnings.warn(
                f"{chosen.identifier} does not look at the target function; attributed_fn changes nothing here.",
                WherefromWarning,
                stacklevel=4,
            )
        return Resolved(chosen, function, {score.identifier: score for score in scores})

    def _attribute_target(self, wanted: bool | None) -> bool:
        if self._is_decoder_only:
            if wanted is False:
                raise SettingsError(
                    "attribute_target=False leaves a decoder-only model nothing to explain from: prompt and prefix are "
                    "one sequence. Leave it out."
                )
            return True
        return True if wanted is None else wanted

    @contextmanager
    def moved(self, device: str | None) -> Iterator[None]:
        """The model on ``device`` for the time of a call."""
        if device is None:
            yield
            return
        if not isinstance(self.adapter, Moves):
            raise ModelCapabilityError(f"{self.adapter.card.name} cannot be moved to {device!r}; leave device out.")
        before = self.adapter.card.device
        self.adapter.to(device)
        try:
            yield
        finally:
            self.adapter.to(before)

    def _reserved(self) -> AbstractContextManager[None]:
        """No other thread asks the model for the time of a call."""
        return self.adapter.reserved() if isinstance(self.adapter, Reserves) else nullcontext()

    def _examples(
        self,
        inputs: Sequence[InputText],
        targets: Sequence[Target] | None,
        *,
        add_special_tokens: bool,
        continue_targets: bool,
        generation_args: Mapping[str, Any],
        batch_size: int | None,
        seed: int,
        progress: Progress,
    ) -> list[Example]:
        """Inputs with their targets, generated where none are given."""
        encodings = [encode_input(self.adapter, text, add_special_tokens=add_special_tokens) for text in inputs]
        if continue_targets and targets is None:
            raise InputError("generate_from_target_prefix continues generated_texts, but none were given.")
        if continue_targets and self._is_decoder_only:
            raise InputError(
                "generate_from_target_prefix is for encoder-decoder models. A decoder-only model continues its prompt: "
                "put the beginning there."
            )
        if targets is not None and not continue_targets:
            if generation_args:
                warnings.warn(
                    "generation_args change nothing here: the targets are given by generated_texts.",
                    WherefromWarning,
                    stacklevel=4,
                )
            return [
                forced_example(
                    self.adapter,
                    encoding,
                    target,
                    add_special_tokens=add_special_tokens,
                    is_chat=not isinstance(text, str),
                )
                for text, encoding, target in zip(inputs, encodings, targets, strict=True)
            ]
        prefixes = None if targets is None else [self._decoder_prefix(target) for target in targets]
        examples: list[Example] = []
        for numbers in _batches(range(len(encodings)), batch_size):
            answers = self.adapter.generate(
                [encodings[i].ids for i in numbers],
                decoder_prefixes=None if prefixes is None else [prefixes[i] for i in numbers],
                settings=generation_args,
                seed=seed,
            )
            for i, sequences in zip(numbers, answers, strict=True):
                examples += [generated_example(self.adapter, encodings[i], ids) for ids in sequences]
            progress("generate", numbers[-1] + 1, len(encodings))
        return examples

    def _decoder_prefix(self, target: Target) -> IntArray:
        if isinstance(target, str):
            return self.adapter.encode(target, side="target", decoder_prefix=True).ids
        return np.asarray(target, dtype=np.int64)

    def _answered(
        self,
        examples: Sequence[Example],
        questions: Sequence[Question],
        request: Resolved,
        batch_size: int | None,
        clean_special_chars: bool,
        notes: list[str],
        progress: Progress,
    ) -> Iterator[Attribution]:
        """Results in order, a batch of questions at a time."""
        done = 0
        functions = {request.function.identifier: request.function, **request.scores}
        for numbers in _batches(range(len(questions)), batch_size):
            batch = [questions[i] for i in numbers]

            tell = _continued(progress, done, len(batch), len(questions))
            for i, scores in zip(numbers, request.method.attribute(self.adapter, batch, tell), strict=True):
                extra: dict[str, Any] = {}
                if isinstance(self.adapter, PredictsSteps):
                    extra = missing_scores(self.adapter, questions[i], scores.step_scores)
                made = attribution_of(
                    examples[i],
                    questions[i],
                    request.method,
                    scores,
                    extra,
                    functions,
                    clean_special_chars=clean_special_chars,
                )
                notes.extend(scores.warnings)
                if (note := not_finite_note(self.adapter, questions[i], made)) is not None:
                    notes.append(note)
                yield made
            done += len(batch)


@frozen(eq=False)
class Resolved:
    """What a call asks for, as settings objects."""

    method: Method
    function: StepFunction
    """The target function."""
    scores: Mapping[str, StepFunction]
    """Step scores by identifier."""


def _method_consumer(method: str | Method | type[Method] | None, given: Mapping[str, Any]) -> Consumer:
    if method is None:
        raise SettingsError(
            "No attribution method was chosen. Pass method=..., here or to load_model. "
            f"Registered: {', '.join(METHODS)}."
        )
    cls: Any = METHODS.get(method) if isinstance(method, str) else method
    if isinstance(cls, type):
        return Consumer(cls=cls, label=f"method {cls.identifier!r}", given=given)  # type: ignore[attr-defined]
    if not isinstance(cls, Method):
        raise SettingsError(f"method must be an identifier, a method or its class, not {method!r}.")
    return Consumer(cls=type(cls), label=f"method {cls.identifier!r}", given=given, instance=cls)


def _function_consumer(
    function: StepFunctionLike, given: Mapping[str, Any], *, shared: Mapping[str, Any] | None = None
) -> Consumer:
    """A step function as a consumer; ``shared`` settings go to it as far as it declares them."""
    thing: Any = STEP_FUNCTIONS.get(function) if isinstance(function, str) else function
    if not isinstance(thing, type) and not isinstance(thing, StepFunction):
        thing = step_function_of(thing)
    cls: type[StepFunction] = thing if isinstance(thing, type) else type(thing)
    consumer = Consumer(
        cls=cls,
        label=f"step function {cls.identifier!r}",
        given=given,
        instance=None if isinstance(thing, type) else thing,
    )
    if shared:
        consumer = evolve(consumer, given={**given, **{k: v for k, v in shared.items() if k in consumer.accepts}})
    return consumer


def _continued(progress: Progress, done: int, batch: int, total: int) -> Progress:
    """A batch's progress as progress of the whole."""

    def tell(phase: str, finished: int, of: int) -> None:
        if of == batch:
            progress(phase, done + finished, total)
        else:
            progress(phase, finished, of)

    return tell


def _described(function: StepFunction) -> dict[str, Any]:
    return {"name": function.identifier, "settings": non_default(function)}


def _batches(items: Any, size: int | None) -> Iterator[Any]:
    """Slices of at most ``size``; everything at once for None."""
    if size is not None and size < 1:
        raise SettingsError(f"batch_size must be at least 1, not {size}.")
    step = size or max(len(items), 1)
    for begin in range(0, len(items), step):
        yield items[begin : begin + step]


_ATTRIBUTE_PARAMETERS = tuple(inspect.signature(AttributionModel.attribute).parameters)
