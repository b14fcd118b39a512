"""A model with questions put to it: what `load_model` returns and where `attribute` lives.

`attribute` only directs: texts become examples (`wherefrom.questions.examples`), keyword arguments become settings
(`wherefrom.questions.routing`), examples become questions (`wherefrom.questions.building`), a method answers them, and
the answers become results (`wherefrom.methods.answers`).
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from wherefrom.adapters import Encoding, PredictsSteps, Reserves, SequenceModel, Side, WrapsFramework
from wherefrom.adapters.moving import moved
from wherefrom.arrays import IntArray
from wherefrom.context.attributing import attribute_context
from wherefrom.context.results import ContextAttribution
from wherefrom.errors import InputError, SettingsError, UnknownAttributeError, WherefromWarning, nearest
from wherefrom.files.named import files_named
from wherefrom.methods.answered import answered
from wherefrom.methods.answers import attribution_of, missing_scores, without_steps
from wherefrom.methods.checking import check_cost, checked, require_checkable
from wherefrom.methods.contract import AnyMethod
from wherefrom.methods.cost import Cost
from wherefrom.methods.finite import not_finite_note, weights_named
from wherefrom.methods.flat import flat_notes
from wherefrom.methods.long_maps import long_map_note
from wherefrom.methods.request import Request, requested
from wherefrom.progress import PARTS, Progress, no_progress, reported
from wherefrom.questions.building import QuestionOptions, prepare
from wherefrom.questions.contrast import needs_contrastive_pass
from wherefrom.questions.examples import Example, check_ids, encode_input, forced_example, generated_example, per_answer
from wherefrom.questions.given import (
    Chat,
    ContrastText,
    InputText,
    Target,
    Text,
    as_contrasts,
    as_ids,
    as_inputs,
    as_targets,
    as_words,
    in_json,
    is_chat,
)
from wherefrom.questions.names import as_names, check_names
from wherefrom.questions.positions import no_step_note, step_positions
from wherefrom.questions.question import Question
from wherefrom.questions.spans import Span, checked_span
from wherefrom.questions.stochastic import passes_for
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance, library_versions
from wherefrom.settings import LARGEST_COUNT, check_call, check_whole, non_default, nth_seed, plain
from wherefrom.step_functions.base import DEFAULT_FUNCTION, StepFunction, StepFunctionLike
from wherefrom.text.alignment import Alignments

_SETTABLE = ("attributed_fn", "method")


class AttributionModel:
    """A loaded model and the method it is explained with unless a call says otherwise.

    Attributes:
        adapter: The model behind the Protocols of `wherefrom.adapters`.
        method: The default method with its settings, or None.
        attributed_fn: The default target function.
        framework: What `load_model` loaded it by; empty where it was given an adapter.
    """

    __slots__ = ("__weakref__", "adapter", "attributed_fn", "framework", "method")

    adapter: SequenceModel
    method: AnyMethod | None
    attributed_fn: StepFunctionLike
    framework: str

    def __init__(self, adapter: SequenceModel, method: AnyMethod | None = None, *, framework: str = "") -> None:
        self.adapter = adapter
        self.method = method
        self.framework = framework
        self.attributed_fn = DEFAULT_FUNCTION

    def __repr__(self) -> str:
        card = self.adapter.card
        return f"AttributionModel({card.name!r}, {card.kind}, method={self.method!r})"

    if not TYPE_CHECKING:  # who checks types is told by the annotations above

        def __setattr__(self, name: str, value: object) -> None:
            """Refuse a name that means nothing here: a misspelt one would change nothing, in silence."""
            if name not in self.__slots__:
                raise UnknownAttributeError(
                    f"A model has no attribute {name!r} to set.{nearest(name, _SETTABLE)} These can be set: "
                    f"{', '.join(_SETTABLE)}."
                )
            object.__setattr__(self, name, value)

    @property
    def device(self) -> str:
        """Where the model computes."""
        return self.adapter.card.device

    @property
    def module(self) -> Any:
        """The framework's own model object."""
        return self._wrapped().module

    @property
    def tokenizer(self) -> Any:
        """The framework's own tokenizer."""
        return self._wrapped().tokenizer

    def encode(self, text: str | Chat, *, as_target: bool = False, add_special_tokens: bool = True) -> Encoding:
        """A text or a chat as ids and tokens, as the model reads it.

        Args:
            as_target: Encoder-decoder: as the decoder's sequence, not the encoder's.
        """
        check_call(AttributionModel.encode, locals())
        side: Side = "target" if as_target or self._is_decoder_only else "source"
        return self.adapter.encode(as_words(text, "text"), side=side, add_special_tokens=add_special_tokens)

    def decode(self, ids: Sequence[int] | IntArray, *, skip_special_tokens: bool = True) -> str:
        """The text of some ids."""
        check_call(AttributionModel.decode, locals())
        given = as_ids(ids, "ids", least=0)
        check_ids(self.adapter.card, given, "text")
        return self.adapter.decode(given, skip_special_tokens=skip_special_tokens)

    def attribute_context(self, current: str | Chat, context: Any = None, **options: Any) -> ContextAttribution:
        """Which tokens of the output depend on the context, and on which of its tokens.

        The options are those of `wherefrom.attribute_context`, which this calls.
        """
        return attribute_context(self, current, context, **options)

    def _wrapped(self) -> WrapsFramework:
        if not isinstance(self.adapter, WrapsFramework):
            raise UnknownAttributeError(
                f"The adapter of {self.adapter.card.name!r} ({type(self.adapter).__name__}) wraps no model of a "
                "framework, so there is no module and no tokenizer to show. Ask model.adapter."
            )
        return self.adapter

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
            inputs: Texts, chats or token ids.
            batch_size: Inputs at once; None: all. Sampled texts differ with it, as each batch draws from a seed of its
                own.
            skip_special_tokens: Leave special tokens out of the texts.
            output_generated_only: Decoder-only: without the prompt.
            seed: For sampling; None leaves the random state alone.
            **generation_args: Handed to the framework's generation (``max_new_tokens``, ``num_beams``, ...).

        Returns:
            One text per input and returned sequence, prompt included for decoder-only models.
        """
        check_call(AttributionModel.generate, locals(), batch_size=1)
        encodings = [encode_input(self.adapter, text, add_special_tokens=True) for text in as_inputs(inputs)]
        texts: list[str] = []
        for numbers in _batches(range(len(encodings)), batch_size):
            some = [encodings[i] for i in numbers]
            own_seed = None if seed is None else nth_seed(seed, numbers[0])
            answers = self.adapter.generate([one.ids for one in some], settings=generation_args, seed=own_seed)
            for encoding, sequences in zip(some, answers, strict=True):
                for ids in sequences:
                    text = self.adapter.decode(ids, skip_special_tokens=skip_special_tokens)
                    if output_generated_only and self._is_decoder_only:
                        text = self._without_prompt(text, ids, len(encoding.ids), skip_special_tokens)
                    texts.append(text)
        return texts

    def _without_prompt(self, text: str, ids: IntArray, length: int, skip_special_tokens: bool) -> str:
        """What an answer adds to the text of its prompt: decoded alone it may lose its first space."""
        prompt = self.adapter.decode(ids[:length], skip_special_tokens=skip_special_tokens)
        if text.startswith(prompt):
            return text[len(prompt) :]
        return self.adapter.decode(ids[length:], skip_special_tokens=skip_special_tokens)

    def attribute(
        self,
        input_texts: InputText | Sequence[InputText],
        generated_texts: Target | Sequence[Target] | None = None,
        method: str | AnyMethod | type[AnyMethod] | None = None,
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
        attributed_span: Span | None = None,
        contrast_targets: ContrastText | Sequence[ContrastText] | None = None,
        contrast_sources: ContrastText | Sequence[ContrastText] | None = None,
        contrast_targets_alignments: Alignments | Sequence[Alignments] = None,
        contrast_force_inputs: bool = False,
        seed: int = 0,
        generation_seed: int | None = None,
        ids: Sequence[str | None] | None = None,
        check: bool = False,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Attributions:
        """Explain texts: where does each of their tokens come from?

        Args:
            input_texts: A text, a chat (list of ``{"role", "content"}`` messages), the ids of a whole input with its
                special tokens, or a list of these.
            generated_texts: Targets to explain, as text or as ids, one per input; None lets the model generate. For
                decoder-only models a target repeats its prompt and continues it; after a chat the answer alone will
                do (of one that has begun, what follows), or chat and answer as `generate` gives them.
            method: Identifier, object or class; None: the model's own, or `occlusion` where it has none.
            override_default_attribution: Make ``method`` the model's own from now on.
            attr_pos_start: First target position to explain; negative counts from the end. By default the first that
                was answered; a position within a prompt explains the prompt itself. Encoder-decoder: position 1, so
                that a target prefix which was given (``generate_from_target_prefix``) is explained too.
            attr_pos_end: Position after the last one, exclusive; negative counts from the end; at most the end.
            show_progress: Keep a line about progress on a terminal, which wherefrom-viz draws. ``pretty_progress`` is
                accepted and adds nothing.
            output_step_attributions: Accepted for compatibility: every result has `Attribution.step_attributions`.
            attribute_target: Encoder-decoder: are scores of the target prefix wanted too? Yes by default.
            step_scores: Step functions to record at each step: names, objects or functions.
            include_eos_baseline: Let baselines and perturbations replace end tokens as well.
            keep_special: Baselines and perturbations leave special tokens and a chat template's own as they are, and
                paths also the first token of a decoder-only model that has none (its attention sink). False replaces
                them, but for end tokens (``include_eos_baseline``) and a decoder's start token, which always stays.
            attributed_fn: The scalar to explain at each step; ``probability`` by default.
            device: Move the model there for this call.
            batch_size: Examples put to the model and the method at once; None: all. It bounds memory and changes no
                score; answers that are sampled differ with it, as each batch draws from a seed of its own.
            generate_from_target_prefix: Encoder-decoder: ``generated_texts`` are beginnings that the model continues.
            skip_special_tokens: Encode texts without special tokens.
            clean_special_chars: Show readable text instead of vocabulary pieces in the tokens.
            generation_args: Handed to generation (``max_new_tokens``, ``num_beams``, ...). Inputs of the model are
                refused: what is read while generating is what is explained.
            attribution_args: Settings for the method alone, where a name would clash.
            attributed_fn_args: Settings for the target function alone.
            step_scores_args: Settings for the step scores alone.
            attributed_span: Explain sums over spans of steps instead of single steps; see `wherefrom.questions.spans`.
            contrast_targets: Texts (or ids) that the targets are compared with; see `wherefrom.questions.contrast`.
            contrast_sources: Other inputs to compare with.
            contrast_targets_alignments: Which step is compared with which; by default position by position where what
                differs has as many tokens on both sides, else by the shortest edit script
                (`wherefrom.text.alignment`).
            contrast_force_inputs: Take contrastive values from the contrastive inputs in the target function too.
            seed: For everything random: sampling, perturbations, noise.
            generation_seed: For answers that are sampled, where it is to be another than ``seed``: parts of one piece
                of work draw other answers, and explain them alike.
            ids: Names of the examples, kept in the results.
            check: Hold each step's scores against what the model says without random halves of the input (one more
                ablation table of 64 passes), and methods that draw against another seed. The step scores
                ``check_fit``, ``check_chance`` and ``check_stability`` and the card (`Attribution.card`) say what was
                found. Not with ``attributed_span``.
            progress: Called with (phase, done, total); ``attribute`` counts passes through the model where the method
                tells its cost before, else examples.
            **settings: Settings of the method, the target function and the step scores, by name.

        Returns:
            One `Attribution` per target, and how they were made.

        Raises:
            UsageError: Something does not fit; the message says what, why and what to do.
        """
        started, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
        if isinstance(step_scores, str):
            step_scores = [step_scores]
        check_call(AttributionModel.attribute, locals(), batch_size=1)
        answers_each = (generation_args or {}).get("num_return_sequences", 1)
        check_whole("generation_args: num_return_sequences", answers_each, 1, LARGEST_COUNT)
        request = requested(
            self.adapter,
            self.method if method is None else method,
            attributed_fn,
            step_scores,
            default_function=self.attributed_fn,
            settings=settings,
            attribution_args=attribution_args or {},
            attributed_fn_args=attributed_fn_args or {},
            step_scores_args=step_scores_args or {},
            reserved=_ATTRIBUTE_PARAMETERS,
        )
        if override_default_attribution:
            self.method = request.method
        inputs = as_inputs(input_texts)
        targets = as_targets(generated_texts, len(inputs))
        names = as_names(ids, len(inputs))
        attributed_span = checked_span(attributed_span)
        if check:
            require_checkable(self.adapter, attributed_span)
        contrast_targets = as_contrasts(contrast_targets, "contrast_targets")
        contrast_sources = as_contrasts(contrast_sources, "contrast_sources")
        include_target = self._attribute_target(attribute_target)
        with (
            self._reserved(),
            moved(self.adapter, device),
            reported(show_progress, progress) as tell,
        ):
            examples = self._examples(
                inputs,
                targets,
                add_special_tokens=not skip_special_tokens,
                continue_targets=generate_from_target_prefix,
                generation_args=generation_args or {},
                batch_size=batch_size,
                seed=seed if generation_seed is None else generation_seed,
                progress=tell,
            )
            check_names(names, len(inputs), len(examples))
            names, contrast_targets, contrast_sources, contrast_targets_alignments = (
                per_answer(value, len(inputs), len(examples))
                for value in (names, contrast_targets, contrast_sources, contrast_targets_alignments)
            )
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
            positions = _positions(examples, attr_pos_start, attr_pos_end)
            prepared = prepare(self.adapter, examples, positions, options)
            notes = list(prepared.warnings)
            if (long := long_map_note(request.method, prepared.questions)) is not None:
                warnings.warn(long, WherefromWarning, stacklevel=2)  # now, while it can still be stopped
            asked = [example for example, steps in zip(examples, positions, strict=True) if len(steps)]
            with weights_named(self.adapter):
                made = self._answered(asked, prepared.questions, request, batch_size, clean_special_chars, notes, tell)
                answered = iter(list(made))
            questions = iter(prepared.questions)
            results: list[Attribution] = []
            told = zip(examples, positions, prepared.details, strict=True)
            for number, (example, steps, more) in enumerate(told):
                if len(steps):
                    one, question = next(answered), next(questions)
                    if check:
                        one = checked(self.adapter, request.method, question, example, one, progress=tell)
                else:
                    notes.append(no_step_note(number, len(example.target_ids), attr_pos_start, attr_pos_end))
                    one = without_steps(
                        example, request.method, list(request.scores), self.adapter.card, has_target=include_target
                    )
                results.append(one.replace(details={**one.details, **more}) if more else one)
        if names is not None:
            results = [one.replace(id=name) for one, name in zip(results, names, strict=True)]
        for note in dict.fromkeys(notes):
            warnings.warn(note, WherefromWarning, stacklevel=2)
        provenance = Provenance(
            library_version=library_versions().get("wherefrom", ""),
            versions={**library_versions(), **self.adapter.card.versions},
            model=msgspec.to_builtins(self.adapter.card.loaded_by(self.framework)),
            method=_method_described(request.method),
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
                    ("contrast_targets", in_json(contrast_targets)),
                    ("contrast_sources", in_json(contrast_sources)),
                    ("contrast_targets_alignments", contrast_targets_alignments),
                    ("contrast_force_inputs", contrast_force_inputs),
                    ("check", check),
                    ("generation_seed", generation_seed),
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

    def cost(
        self,
        input_texts: InputText | Sequence[InputText],
        generated_texts: Target | Sequence[Target],
        method: str | AnyMethod | type[AnyMethod] | None = None,
        *,
        attr_pos_start: int | None = None,
        attr_pos_end: int | None = None,
        attribute_target: bool | None = None,
        step_scores: Sequence[StepFunctionLike] = (),
        include_eos_baseline: bool = False,
        keep_special: bool = True,
        attributed_fn: StepFunctionLike | None = None,
        skip_special_tokens: bool = False,
        attribution_args: Mapping[str, Any] | None = None,
        attributed_fn_args: Mapping[str, Any] | None = None,
        step_scores_args: Mapping[str, Any] | None = None,
        attributed_span: Span | None = None,
        contrast_targets: ContrastText | Sequence[ContrastText] | None = None,
        contrast_sources: ContrastText | Sequence[ContrastText] | None = None,
        contrast_targets_alignments: Alignments | Sequence[Alignments] = None,
        contrast_force_inputs: bool = False,
        seed: int = 0,
        check: bool = False,
        **settings: Any,
    ) -> list[Cost | None]:
        """What `attribute` will ask of the model for each input, told before it is asked.

        Nothing is generated, attributed or sampled; of a contrast, its one pass is made. Arguments mean what they
        mean in `attribute`.

        Args:
            input_texts: A text, a chat, or a list of these.
            generated_texts: Targets, one per input.
            method: Identifier, object or class; None is the model's own method.
            check: With what `attribute(check=True)` adds.
            **settings: Settings of the method, the target function and the step scores, by name.

        Returns:
            Rows forward and scalars differentiated for each input; None where the method cannot know. Step scores that
            the method's own passes do not give take one row more, so that with step scores the cost is a bound; those
            that look at stochastic passes take these.

        Raises:
            UsageError: Something does not fit; the message says what, why and what to do.
        """
        check_call(AttributionModel.cost, locals())
        request = requested(
            self.adapter,
            self.method if method is None else method,
            attributed_fn,
            [step_scores] if isinstance(step_scores, str) else step_scores,
            default_function=self.attributed_fn,
            settings=settings,
            attribution_args=attribution_args or {},
            attributed_fn_args=attributed_fn_args or {},
            step_scores_args=step_scores_args or {},
            reserved=_COST_PARAMETERS,
        )
        inputs = as_inputs(input_texts)
        attributed_span = checked_span(attributed_span)
        if check:
            require_checkable(self.adapter, attributed_span)
        with self._reserved():
            examples = self._examples(
                inputs,
                as_targets(generated_texts, len(inputs)),
                add_special_tokens=not skip_special_tokens,
                continue_targets=False,
                generation_args={},
                batch_size=None,
                seed=seed,
                progress=no_progress,
            )
            options = QuestionOptions(
                function=request.function,
                scores=request.scores,
                attribute_target=self._attribute_target(attribute_target),
                include_eos_baseline=include_eos_baseline,
                keep_special=keep_special,
                span=attributed_span,
                seed=seed,
                contrast_targets=contrast_targets,
                contrast_sources=contrast_sources,
                contrast_alignments=contrast_targets_alignments,
                contrast_force_inputs=contrast_force_inputs,
                add_special_tokens=not skip_special_tokens,
                sampled=False,
            )
            positions = _positions(examples, attr_pos_start, attr_pos_end)
            prepared = prepare(self.adapter, examples, positions, options)
        compared = needs_contrastive_pass(
            request.function, request.scores.values(), contrast_force_inputs=contrast_force_inputs
        )
        more = Cost(
            forwards=int(options.has_contrast and compared) + bool(request.scores), at_most=bool(request.scores)
        )
        told = [request.method.cost_on(self.adapter, question) for question in prepared.questions]
        told = [
            None if cost is None else cost + Cost(forwards=passes_for(self.adapter, question.scores))
            for cost, question in zip(told, prepared.questions, strict=True)
        ]
        if check:
            told = [
                None if cost is None else cost + check_cost(self.adapter, request.method, question)
                for cost, question in zip(told, prepared.questions, strict=True)
            ]
        costs = iter([None if cost is None else cost + more for cost in told])
        return [next(costs) if len(steps) else Cost(forwards=0) for steps in positions]

    @property
    def _is_decoder_only(self) -> bool:
        return self.adapter.card.kind == "decoder-only"

    def _attribute_target(self, wanted: bool | None) -> bool:
        if self._is_decoder_only:
            if wanted is False:
                raise SettingsError(
                    "attribute_target=False leaves a decoder-only model nothing to explain from: prompt and prefix are "
                    "one sequence. Leave it out."
                )
            return True
        return True if wanted is None else wanted

    def _reserved(self) -> AbstractContextManager[None]:
        """No other thread asks the model for the time of a call."""
        return self.adapter.reserved() if isinstance(self.adapter, Reserves) else nullcontext()

    def _examples(
        self,
        inputs: Sequence[Text],
        targets: Sequence[str | IntArray] | None,
        *,
        add_special_tokens: bool,
        continue_targets: bool,
        generation_args: Mapping[str, Any],
        batch_size: int | None,
        seed: int | None,
        progress: Progress,
    ) -> list[Example]:
        """Inputs with their targets, generated where none are given.

        Args:
            seed: For answers that are sampled; None: the framework's own random state.
        """
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
                    is_chat=is_chat(text),
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
                seed=None if seed is None else nth_seed(seed, numbers[0]),
            )
            for i, sequences in zip(numbers, answers, strict=True):
                examples += [generated_example(self.adapter, encodings[i], ids) for ids in sequences]
            progress("generate", numbers[-1] + 1, len(encodings))
        return examples

    def _decoder_prefix(self, target: str | IntArray) -> IntArray:
        if isinstance(target, str):
            return self.adapter.encode(target, side="target", decoder_prefix=True).ids
        check_ids(self.adapter.card, target, "target prefix")
        return target

    def _answered(
        self,
        examples: Sequence[Example],
        questions: Sequence[Question],
        request: Request,
        batch_size: int | None,
        clean_special_chars: bool,
        notes: list[str],
        progress: Progress,
    ) -> Iterator[Attribution]:
        """Results in order, a batch of questions at a time."""
        done = 0
        ends = _passes(self.adapter, request.method, questions, progress)
        functions = {request.function.identifier: request.function, **request.scores}
        for numbers in _batches(range(len(questions)), batch_size):
            batch = [questions[i] for i in numbers]

            tell = _continued(progress, ends, done, len(batch))
            for i, scores in zip(numbers, answered(request.method, self.adapter, batch, tell), strict=True):
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
                notes.extend(flat_notes(request.method, questions[i], made))
                yield made
            done += len(batch)


def _positions(examples: Sequence[Example], start: int | None, end: int | None) -> list[IntArray]:
    """The steps that are explained of each example."""
    return [
        step_positions(start, end, length=len(example.target_ids), default_start=example.default_start)
        for example in examples
    ]


def _passes(model: object, method: AnyMethod, questions: Sequence[Question], progress: Progress) -> list[int]:
    """How much of the work is done after each question, from 0 to all of it.

    In passes through the model, forward and backward, where every cost is told before; in questions else.
    """
    costs = [] if progress is no_progress else [method.cost_on(model, question) for question in questions]
    known = [cost.forwards + cost.backwards for cost in costs if cost is not None]
    each = known if len(known) == len(questions) and all(known) else [1] * len(questions)
    return [0, *accumulate(each)]


def _continued(progress: Progress, ends: Sequence[int], done: int, batch: int) -> Progress:
    """A batch's progress as progress of the whole, whose work is done as ``ends`` says."""

    def tell(phase: str, finished: int, of: int) -> None:
        if of == batch and phase not in PARTS:
            progress(phase, ends[done + finished], ends[-1])
        else:
            progress(phase, finished, of)

    return tell


def _described(function: StepFunction) -> dict[str, Any]:
    return {"name": function.identifier, "settings": non_default(function)}


def _method_described(method: AnyMethod) -> dict[str, Any]:
    """Its name and settings, and what the files hold that these name."""
    settings = non_default(method)
    files = files_named(settings)
    return {"name": method.identifier, "settings": settings, **({"files": files} if files else {})}


def _batches(items: Any, size: int | None) -> Iterator[Any]:
    """Slices of at most ``size``; everything at once for None."""
    step = size or max(len(items), 1)
    for begin in range(0, len(items), step):
        yield items[begin : begin + step]


_ATTRIBUTE_PARAMETERS = tuple(inspect.signature(AttributionModel.attribute).parameters)
_COST_PARAMETERS = tuple(inspect.signature(AttributionModel.cost).parameters)
