"""The verb: which words of an output depend on the context, and on what of it (PECoRe).

``texts → beginnings → output as ids → two readings → sensitivity → selection → cues → result``. Each stage is a module
of this package; this one only directs.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import Encoding, PredictsSteps, Row, SequenceModel
from wherefrom.adapters.check import lacking
from wherefrom.adapters.given import adapter_of
from wherefrom.adapters.moving import moved
from wherefrom.arrays import FloatArray, IntArray, like
from wherefrom.context import permutation
from wherefrom.context.chats import PLACEMENTS, Messages, Placement, gap_before_answer, is_chat
from wherefrom.context.cues import Alternatives, Cues, Reduce, impute
from wherefrom.context.documents import Context, Document, Part, sentence_parts
from wherefrom.context.foreign import Foreign, checked, put_in_place
from wherefrom.context.formatting import Formatted, Texts, before_output, formatted, refuse_unused, require_context
from wherefrom.context.nulls import checked_nulls
from wherefrom.context.outputs import STRATEGIES, Asks, Output, Strategy, generated, given, split
from wherefrom.context.readings import (
    ForcedRun,
    Prefix,
    characters_of,
    cut,
    encoded_prefix,
    encoded_source,
    reading,
    text_of,
    within,
)
from wherefrom.context.results import ContextAttribution, ContextPart, CueAttribution, SentenceSupport
from wherefrom.context.selection import Threshold, chosen
from wherefrom.context.sensitivity import (
    Sensitivity,
    null_scores,
    require_contrastive_metric,
    require_finite,
    sensitivity,
)
from wherefrom.context.support import TWICE_AS_LIKELY, supported
from wherefrom.context.templates import Span
from wherefrom.errors import InputError, SettingsError, nearest
from wherefrom.methods.contract import AnyMethod
from wherefrom.methods.request import requested
from wherefrom.progress import Progress, reported
from wherefrom.results.direction import FALLS
from wherefrom.results.provenance import Provenance, library_versions
from wherefrom.settings import check_call, non_default, plain
from wherefrom.step_functions.base import StepFunctionLike
from wherefrom.text.places import joined_text

Unit = Literal["auto", "document", "turn", "sentence", "none"]
UNITS: tuple[Unit, ...] = ("auto", "document", "turn", "sentence", "none")
_DRAWS = 99
"""Shuffled contexts of a permutation test by default."""


class Asked(Protocol):
    """A model and what it is explained with by default: `wherefrom.AttributionModel`."""

    @property
    def adapter(self) -> SequenceModel: ...
    @property
    def method(self) -> AnyMethod | None: ...
    @property
    def attributed_fn(self) -> StepFunctionLike: ...
    @property
    def framework(self) -> str: ...


def attribute_context(
    model: Asked,
    current: str | Messages,
    context: Any = None,
    *,
    output: str | None = None,
    output_context: str | None = None,
    method: str | AnyMethod | type[AnyMethod] | None = None,
    attributed_fn: StepFunctionLike | None = None,
    context_sensitivity_metric: StepFunctionLike = "kl_divergence",
    context_sensitivity_std_threshold: float | None = 1.0,
    context_sensitivity_topk: int | None = None,
    fpr: float | None = None,
    null_contexts: Sequence[Context | Document | Mapping[str, Any]] | Literal["shuffled"] = "shuffled",
    null_draws: int = _DRAWS,
    attribution_std_threshold: float | None = 1.0,
    attribution_topk: int | None = None,
    input_template: str | None = None,
    output_template: str | None = None,
    contextless_input_template: str | None = None,
    contextless_output_template: str | None = None,
    document_template: str = "{text}",
    document_separator: str | None = None,
    document_placement: Placement = "message",
    support_unit: Unit = "auto",
    support_threshold: float = TWICE_AS_LIKELY,
    support_level: float | None = 0.05,
    null_documents: Sequence[str] | None = None,
    handle_output_context_strategy: Strategy = "manual",
    contextless_output_next_tokens: Sequence[str] = (),
    prompt_user_for_contextless_output_next_tokens: bool = False,
    ask: Asks | None = None,
    special_tokens_to_keep: Sequence[str] = (),
    decoder_input_output_separator: str = " ",
    tgt_lang: str | None = None,
    attribution_aggregators: Reduce = None,
    include_eos_baseline: bool = False,
    add_special_tokens: bool = True,
    generation_args: Mapping[str, Any] | None = None,
    device: str | None = None,
    seed: int = 0,
    show_progress: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> ContextAttribution:
    """Which tokens of the output depend on the context, and which tokens of the context they depend on.

    Every token of the output is predicted with and without the context, two forward passes for all; those that a
    contrastive metric finds furthest apart are explained by an attribution method, all of them in one question, and
    the context's scores are kept.

    Args:
        model: A model from `load_model`.
        current: The input text in question, or a chat (a list of messages) that ends in the question.
        context: Its context: a text, a list of documents (texts, `Document` objects or mappings with ``text``, ``id``,
            ``title``), or the earlier messages of a chat.
        output: The output to explain; None: the model generates it, with the context.
        output_context: What was said before the output, if that is context too.
        method: Attribution method; None: the model's own, or `occlusion` where it has none.
        attributed_fn: What the method explains; ``probability`` by default. A contrastive one compares with what would
            have been said without the context.
        context_sensitivity_metric: A contrastive step function of the prediction without and with context.
        context_sensitivity_std_threshold: Tokens count that lie so many standard deviations above the mean.
        context_sensitivity_topk: At most so many tokens count.
        fpr: Instead of standard deviations, a permutation test with this false-positive rate for the output as a
            whole; see `wherefrom.context.permutation`.
        null_contexts: What it compares with: contexts that have nothing to say, or ``"shuffled"``. They are written as
            the real one is: where that is a list of documents each is one too, and a text is a list of one.
        null_draws: How many shuffled contexts; unrelated ones are all used.
        attribution_std_threshold: Cues are shown that lie so many standard deviations above the mean.
        attribution_topk: At most so many cues are shown.
        input_template: How context and current text are read; ``"{context} {current}"`` by default. In a chat: how the
            documents stand in the user's last message, by default with an empty line between them and the question.
        output_template: How they are said; likewise with an output context, else ``"{current}"``.
        contextless_input_template: How the current text is read without context.
        contextless_output_template: How the output is said without context.
        document_template: How each document is written: ``{text}``, ``{n}``, ``{title}``, ``{id}``.
        document_separator: What stands between documents; None: a space, in a chat a line break.
        document_placement: Where documents of a chat's question go: ``"message"``, into the user's last message, or
            ``"chat_template"``, where the model's chat template puts its ``documents``.
        support_unit: What can be cited: ``"document"``, ``"turn"``, ``"sentence"`` of the context, ``"none"``;
            ``"auto"`` takes documents or turns where they are given.
        support_threshold: Nats by which a part must raise a sentence's log-probability to be cited; ln 2 by default:
            it makes the sentence twice as probable,
        support_level: and the level of a test that it does more than foreign texts would in the places of parts; None:
            the threshold alone. See `wherefrom.context.significance`.
        null_documents: The foreign texts, at least four; None: eight everyday ones in English.
        handle_output_context_strategy: Where the output's context is to be found in the output: ``"manual"`` asks,
            ``"auto"`` guesses, ``"pre"`` refuses.
        contextless_output_next_tokens: What would be said without context at each selected token, most sensitive
            first; an empty text or none: what the model finds most likely.
        prompt_user_for_contextless_output_next_tokens: Ask for these instead.
        ask: Whom to ask.
        special_tokens_to_keep: Special tokens that are listed and scored like others.
        decoder_input_output_separator: Decoder-only: what stands between input and output, unless one of them has it (a
            space: or other white space). After a chat there stands what its template writes there.
        tgt_lang: Language to be said, as the tokenizer writes its token, where the tokenizer does not put it first.
        attribution_aggregators: How a method's scores become one number per token; see `Attribution.aggregate`.
        include_eos_baseline: Let baselines and perturbations replace end tokens too.
        add_special_tokens: Encode texts with the tokenizer's special tokens.
        generation_args: Handed to generation.
        device: Move the model there for this call.
        seed: For everything random.
        show_progress: Keep a line about progress on a terminal, unless somebody may be asked.
        progress: Called with (phase, done, total) instead.
        **settings: Settings of method, target function and metric, by name.

    Raises:
        InputError: Texts do not fit together, or there is no context.
        SettingsError: A setting is unknown or makes no sense.
        ModelCapabilityError: The model cannot do what the method needs.
    """
    started, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    check_call(attribute_context, locals(), context_sensitivity_topk=1, attribution_topk=1, null_draws=1)
    _require_choice("handle_output_context_strategy", handle_output_context_strategy, STRATEGIES)
    _require_choice("support_unit", support_unit, UNITS)
    if support_level is not None and not 0.0 < support_level < 1.0:
        raise SettingsError(f"support_level={support_level!r} lies outside of 0 to 1. Give 0.05, or None for no test.")
    foreign = () if support_level is None else checked(null_documents)
    _require_test(fpr, null_contexts, null_draws)
    _require_choice("document_placement", document_placement, PLACEMENTS)
    contextless_output_next_tokens = _as_list(contextless_output_next_tokens)
    special_tokens_to_keep = _as_list(special_tokens_to_keep)
    adapter = adapter_of(model)
    if not isinstance(adapter, PredictsSteps):
        raise lacking(adapter, PredictsSteps, "attribute_context")
    request = requested(
        adapter,
        model.method if method is None else method,
        attributed_fn,
        [context_sensitivity_metric],
        default_function=model.attributed_fn,
        settings=settings,
        attribution_args={},
        attributed_fn_args={},
        step_scores_args={},
        reserved=_PARAMETERS,
    )
    (metric,) = request.scores.values()
    require_contrastive_metric(metric)
    threshold = Threshold(deviations=context_sensitivity_std_threshold, top_k=context_sensitivity_topk, rate=fpr)
    texts = Texts(
        current=current,
        context=context,
        output_context=output_context,
        input_template=input_template,
        output_template=output_template,
        contextless_input_template=contextless_input_template,
        contextless_output_template=contextless_output_template,
        document_template=document_template,
        document_separator=document_separator,
        document_placement=document_placement,
        separator=decoder_input_output_separator,
        output=output or "",
        add_special_tokens=add_special_tokens,
        language=tgt_lang,
    )
    refuse_unused(texts)
    _require_tested_support(null_documents, support_level, support_unit, texts)
    if isinstance(null_contexts, str):
        _require_choice("null_contexts", null_contexts, ("shuffled",))
    nulls = null_contexts if isinstance(null_contexts, str) else checked_nulls(null_contexts, texts)
    with moved(adapter, device), reported(show_progress and ask is None, progress) as tell:
        messages: Any = texts.current
        if is_chat(messages) and messages[-1]["role"] != "assistant":
            texts = evolve(texts, separator=gap_before_answer(adapter, messages))
        pair = _readings(
            adapter,
            texts,
            output,
            strategy=handle_output_context_strategy,
            ask=ask,
            kept=frozenset(special_tokens_to_keep),
            unit=support_unit,
            settings=generation_args or {},
            seed=seed,
        )
        found = sensitivity(adapter, pair.full, pair.bare, metric)
        p_values = None
        if threshold.rate is not None:
            rows = _null_rows(adapter, texts, pair, output, nulls, null_draws, threshold.rate, seed)
            null = []
            for done, scores in enumerate(
                null_scores(adapter, rows, pair.full.output_ids, found.contextless_logits, metric), start=1
            ):
                require_finite(scores, metric)
                null.append(scores[pair.listed])
                tell("test", done, len(rows))
            p_values = permutation.p_values(found.scores[pair.listed], null)
        selected = pair.listed[chosen(found.scores[pair.listed], threshold, p_values)]
        others = _alternatives(
            adapter,
            pair,
            found,
            selected,
            contextless_output_next_tokens,
            ask if prompt_user_for_contextless_output_next_tokens else None,
        )
        if prompt_user_for_contextless_output_next_tokens and ask is None:
            raise InputError(
                "prompt_user_for_contextless_output_next_tokens asks for tokens, and there is nobody to ask. Give "
                "contextless_output_next_tokens instead."
            )
        cues, notes = impute(
            adapter,
            pair.full,
            selected,
            request.method,
            request.function,
            others,
            reduce=attribution_aggregators,
            include_eos_baseline=include_eos_baseline,
            seed=seed,
            progress=tell,
        )
        sentences: list[SentenceSupport] = []
        if pair.parts:
            compared = put_in_place(adapter, pair.full, pair.beginning, foreign)
            sentences = _sentences(adapter, pair, support_threshold, support_level, compared, tell)
    applied = _applied(cues)
    reduced_by = None if attribution_aggregators is None else applied or plain(attribution_aggregators)
    info = {
        "model_name_or_path": adapter.card.name,
        "attribution_method": request.method.identifier,
        "attributed_fn": request.function.identifier,
        "aggregations": applied,
        "context_sensitivity_metric": metric.identifier,
        "context_sensitivity_std_threshold": context_sensitivity_std_threshold,
        "context_sensitivity_topk": context_sensitivity_topk,
        "attribution_std_threshold": attribution_std_threshold,
        "attribution_topk": attribution_topk,
        "fpr": fpr,
        "support_level": support_level,
        "null_documents": None if null_documents is None else list(null_documents),
        "null_contexts": msgspec.to_builtins(nulls) if fpr is not None else None,
        "null_draws": null_draws if fpr is not None and null_contexts == "shuffled" else None,
        "input_current_text": plain(current),
        "input_context_text": pair.form.input_text,
        "output_context_text": pair.output.context,
        "output_current_text": output,
        "input_template": input_template,
        "output_template": pair.form.output_template.text,
        "contextless_input_current_text": contextless_input_template or "{current}",
        "contextless_output_current_text": contextless_output_template or "{current}",
        "handle_output_context_strategy": handle_output_context_strategy,
        "contextless_output_next_tokens": list(contextless_output_next_tokens),
        "special_tokens_to_keep": list(special_tokens_to_keep),
        "decoder_input_output_separator": decoder_input_output_separator,
        "tgt_lang": tgt_lang,
        "generation_kwargs": plain(dict(generation_args or {})),
        "has_input_context": pair.form.input_text is not None,
        "has_output_context": pair.output.context is not None,
    }
    provenance = Provenance(
        library_version=library_versions().get("wherefrom", ""),
        versions={**library_versions(), **adapter.card.versions},
        model=msgspec.json.decode(msgspec.json.encode(adapter.card.loaded_by(model.framework))),
        method={"name": request.method.identifier, "settings": non_default(request.method)},
        attributed_fn={"name": request.function.identifier, "settings": non_default(request.function)},
        step_scores=[{"name": metric.identifier, "settings": non_default(metric)}],
        arguments={
            name: value
            for name, value, default in (
                ("include_eos_baseline", include_eos_baseline, False),
                ("document_template", document_template, "{text}"),
                ("document_separator", document_separator, None),
                ("document_placement", document_placement, "message"),
                ("attribution_aggregators", reduced_by, None),
            )
            if value != default
        },
        generation_args=plain(dict(generation_args or {})),
        constrained_decoding=output is not None,
        seed=seed,
        created=created,
        seconds=round(time.perf_counter() - started, 3),
        warnings=list(dict.fromkeys(notes)),
    )
    return _result(
        adapter, pair, found, p_values, selected, others, cues, sentences, support_threshold, info, provenance
    )


@frozen(kw_only=True, eq=False)
class _Pair:
    """The same output with and without its context."""

    form: Formatted
    output: Output
    beginning: Prefix
    """What stands before it with context, as text, with the parts that can be cited."""
    full: ForcedRun
    bare: ForcedRun
    listed: IntArray
    """Indices into the output of the tokens that are listed: special ones are not."""
    parts: tuple[Part, ...] = field(default=())


def _readings(
    model: SequenceModel,
    texts: Texts,
    output: str | None,
    *,
    strategy: Strategy,
    ask: Asks | None,
    kept: frozenset[str],
    unit: Unit,
    settings: Mapping[str, Any],
    seed: int,
) -> _Pair:
    form = formatted(model, texts)
    full = form.full
    if form.splits_output:
        whole = generated(model, full, context=None, settings=settings, seed=seed)
        said = split(model, whole, form.output_template, form.input_filled, strategy=strategy, ask=ask, current=output)
    elif output is None:
        said = generated(model, full, context=form.output_context, settings=settings, seed=seed)
    else:
        said = given(model, full, output, context=form.output_context)
    parts = _parts(form, full, unit)
    documents = tuple(part for part in form.parts if part.kind == "document")
    full = evolve(full, parts=parts, documents=documents)
    with_context = reading(model, full, said.prefix, said.ids, said.tokens, kept)
    if said.context_positions is not None:
        with_context = evolve(with_context, output_context=said.context_positions)
    require_context(form.input_text, said.context if form.splits_output else form.output_context)
    prefix = _before(model, form.bare, output, said.ids)
    without = reading(model, form.bare, prefix, said.ids, said.tokens, kept)
    listed = [i for i, token in enumerate(said.tokens) if not token.special or token.piece in kept]
    return _Pair(
        form=form,
        output=said,
        beginning=full,
        full=with_context,
        bare=without,
        listed=np.array(listed, dtype=np.int64),
        parts=parts,
    )


def _before(model: SequenceModel, beginning: Prefix, output: str | None, ids: IntArray) -> Encoding:
    """A beginning encoded with the output behind it, where that makes the same ids of the output; else alone."""
    if output is not None:
        written, found, _ = cut(model, beginning, output)
        if np.array_equal(found, ids):
            return written
    return encoded_prefix(model, beginning)


def _parts(form: Formatted, full: Any, unit: Unit) -> tuple[Part, ...]:
    """What can be cited."""
    if unit == "none" or form.input_text is None:
        return ()
    if unit == "auto":
        return form.parts
    if unit == "sentence":
        assert full.input_context is not None
        begin = full.input_context[0]
        found = [
            part.moved(first)
            for first, end in [part.text_span for part in form.parts] or [full.input_context]
            for part in sentence_parts(form.input_text[first - begin : end - begin])
        ]
        return tuple(evolve(part, id=str(number)) for number, part in enumerate(found, start=1))
    if not form.parts or form.parts[0].kind != unit:
        has = f"{form.parts[0].kind}s" if form.parts else "one text"
        raise InputError(f"support_unit={unit!r}, but the context is given as {has}. Use 'sentence' or 'auto'.")
    return form.parts


def _null_rows(
    model: SequenceModel,
    texts: Texts,
    pair: _Pair,
    output: str | None,
    nulls: Sequence[Any] | str,
    draws: int,
    rate: float,
    seed: int,
) -> list[Row]:
    """Passes with other contexts in the place of the real one."""
    full = pair.full
    if isinstance(nulls, str):
        permutation.require_enough(draws, rate)
        if len(full.input_context):
            ids, tokens, positions = full.before_output(), full.input_tokens, full.input_context
            if pair.form.parts:  # what a template writes around documents stays
                own = [within(tokens, part.text_span, None) for part in pair.form.parts]
                positions = np.intersect1d(positions, np.concatenate(own))
            moved = permutation.shuffles(ids, tokens, positions, draws, seed)
            return [full.with_input(one) for one in moved]
        moved = permutation.shuffles(full.target_ids, full.target_tokens, full.output_context, draws, seed)
        return [evolve(full.row(), target_ids=one) for one in moved]
    permutation.require_enough(len(nulls), rate)
    if pair.form.input_text is None:
        raise InputError("Unrelated contexts stand in for an input context, and there is none. Use 'shuffled'.")
    rows = []
    for one in nulls:
        beginning = formatted(model, evolve(texts, context=one)).full
        if (source := encoded_source(model, beginning)) is not None:
            rows.append(full.with_input(source.ids))
        elif len(full.output_context) and pair.output.context_positions is not None:
            begun = encoded_prefix(model, beginning)
            rest = full.target_ids[pair.output.context_positions[0] : full.output_start]
            rows.append(full.with_input(np.concatenate([begun.ids, rest]).astype(np.int64)))
        else:
            rows.append(full.with_input(_before(model, beginning, output, full.output_ids).ids))
    return rows


def _alternatives(
    model: SequenceModel,
    pair: _Pair,
    found: Sensitivity,
    selected: IntArray,
    given_texts: Sequence[str],
    ask: Asks | None,
) -> Alternatives:
    """What would be said without context at each selected token: given, asked for, or the model's most likely."""
    if len(given_texts) > len(selected):
        raise InputError(
            f"{len(given_texts)} contextless_output_next_tokens for {len(selected)} selected token(s). Give at most "
            "one for each, most sensitive first."
        )
    ids = found.most_likely_without[selected].copy()
    for index, position in enumerate(selected):
        text = given_texts[index] if index < len(given_texts) else ""
        if ask is not None and not text:
            token = pair.output.tokens[position]
            text = ask.answer(
                f"Without context, what stands in place of {token.text.strip()!r} after "
                f"{text_of(pair.output.tokens[:position])!r}? (empty: what the model says)"
            )
        if text:
            ids[index] = _first_id(model, pair, int(position), text)
    logits = found.contextless_logits
    return Alternatives(ids=ids, logits=logits[like(logits, selected)])


def _first_id(model: SequenceModel, pair: _Pair, position: int, text: str) -> int:
    """The first token of a text that stands in the place of an output token."""
    tokens = pair.output.tokens
    spaced = tokens[position].text[:1].isspace() and not text[:1].isspace()
    said = joined_text(tokens[:position])[0] + (" " if spaced else "")
    so_far = before_output(pair.form.bare.target_text, said + text) + said
    beginning = evolve(pair.form.bare, target_text=so_far, chat=None)
    _, ids, _ = cut(model, beginning, text)
    return int(ids[0])


def _sentences(
    model: PredictsSteps,
    pair: _Pair,
    threshold: float,
    level: float | None,
    foreign: Sequence[Foreign],
    progress: Progress,
) -> list[SentenceSupport]:
    support = supported(model, pair.full, foreign, progress)
    cited = support.citations(threshold, level)
    tested = None if level is None else support.p_values
    place = np.searchsorted(pair.listed, np.arange(len(pair.output.ids) + 1))
    return [
        SentenceSupport(
            text=text_of(pair.output.tokens[first:end]),
            start=int(place[first]),
            end=int(place[end]),
            necessity=support.necessity[index].tolist(),
            sufficiency=support.sufficiency[index].tolist(),
            citations=cited[index],
            p_values=[] if tested is None else tested[index].tolist(),
            characters=characters_of(pair.output.tokens, first, end),
        )
        for index, (first, end) in enumerate(support.sentences)
    ]


def _result(
    model: SequenceModel,
    pair: _Pair,
    found: Sensitivity,
    p_values: FloatArray | None,
    selected: IntArray,
    others: Alternatives,
    cues: Sequence[Cues],
    sentences: list[SentenceSupport],
    support_threshold: float,
    info: dict[str, Any],
    provenance: Provenance,
) -> ContextAttribution:
    output, full = pair.output, pair.full
    has_input, has_output = pair.form.input_text is not None, output.context is not None
    inputs = [full.input_tokens[i] for i in full.input_context] if has_input else None
    before = [full.target_tokens[i] for i in full.output_context] if has_output else None
    tokens = [output.tokens[i] for i in pair.listed]
    said = f"{output.context} " if output.context else ""
    listed = []
    for index, (position, cue) in enumerate(zip(selected, cues, strict=True)):
        place = int(np.searchsorted(pair.listed, position))
        other = model.tokens(
            np.concatenate([output.ids[:position], others.ids[index : index + 1]]).astype(np.int64), side="target"
        )[-1]
        spaced = output.tokens[position].text[:1].isspace() and not other.text[:1].isspace() and not other.special
        listed.append(
            CueAttribution(
                cti_idx=place,
                cti_token=output.tokens[position].piece,
                cti_score=float(found.scores[position]),
                contextual_output=said + text_of(output.tokens[: position + 1]),
                contrast_token=other.piece,
                contrast_text=other.text,
                contextless_output=_without_context(
                    pair.form.bare_prefix, text_of(output.tokens[:position]), (" " if spaced else "") + other.text
                ),
                input_context_scores=_listed(cue.input_context),
                output_context_scores=_listed(cue.output_context),
                p_value=None if p_values is None else float(p_values[place]),
            )
        )
    return ContextAttribution(
        input_context=pair.form.input_text,
        input_context_tokens=None if inputs is None else [token.piece for token in inputs],
        output_context=output.context,
        output_context_tokens=None if before is None else [token.piece for token in before],
        output_current=text_of(output.tokens),
        output_current_tokens=[token.piece for token in tokens],
        cti_scores=found.scores[pair.listed].tolist(),
        cci_scores=listed,
        info=info,
        input_context_texts=None if inputs is None else [token.text for token in inputs],
        output_context_texts=None if before is None else [token.text for token in before],
        output_current_texts=[token.text for token in tokens],
        cti_p_values=None if p_values is None else p_values.tolist(),
        parts=[
            _as_part(part, positions, full.input_context, pair.form.full.input_context)
            for part, positions in zip(pair.parts, full.parts, strict=True)
        ],
        sentences=sentences,
        support_threshold=support_threshold if sentences else None,
        falls_with_probability=next((cue.details[FALLS] for cue in cues if cue.details.get(FALLS)), ""),
        provenance=provenance,
    )


def _without_context(prefix: str, so_far: str, token: str) -> str:
    """The contextless template's beginning, the output so far, and what would follow; single spaces at the joints."""
    said = so_far + token
    return (prefix + (said.lstrip() if prefix.endswith(" ") else said)).strip()


def _as_part(part: Part, positions: IntArray, context: IntArray, characters: Span | None) -> ContextPart:
    inside = np.flatnonzero(np.isin(context, positions))
    start, end = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
    place = None if characters is None else (part.span[0] - characters[0], part.span[1] - characters[0])
    return ContextPart(
        text=part.text, id=part.id, title=part.title, kind=part.kind, start=start, end=end, characters=place
    )


def _listed(scores: FloatArray | None) -> list[float] | None:
    return None if scores is None else scores.tolist()


def _applied(cues: Sequence[Cues]) -> list[dict[str, Any]]:
    """The aggregations that made the scores of cues, in order."""
    stages = cues[0].aggregations if cues else ()
    return [{"name": one.name, "settings": plain(one.settings)} for one in stages]


def _as_list(texts: str | Sequence[str]) -> list[str]:
    """A single text is one text, not its letters."""
    return [texts] if isinstance(texts, str) else list(texts)


def _require_test(rate: float | None, null_contexts: Sequence[Any] | str, draws: int) -> None:
    """Refuse what a permutation test compares with where it makes no difference."""
    shuffled = isinstance(null_contexts, str) and null_contexts == "shuffled"
    given = [name for name, said in (("null_contexts", not shuffled), ("null_draws", draws != _DRAWS)) if said]
    if given and rate is None:
        raise SettingsError(
            f"{' and '.join(given)} would change nothing: it is for the permutation test, which fpr asks for. Give fpr "
            "(0.05), or leave it out."
        )
    if len(given) > 1:
        raise SettingsError(
            "null_draws would change nothing: it counts shuffled contexts, and null_contexts are given, which are all "
            "used. Leave one of them out."
        )


def _require_tested_support(
    null_documents: Sequence[str] | None, level: float | None, unit: Unit, texts: Texts
) -> None:
    """Refuse foreign texts where no part is compared with them."""
    whole = unit == "auto" and (texts.context is None or isinstance(texts.context, str))
    if null_documents is None or not (level is None or unit == "none" or (whole and isinstance(texts.current, str))):
        return
    why = (
        "support_level=None asks for no test" if level is None else f"support_unit={unit!r} gives nothing to cite here"
    )
    raise SettingsError(
        f"null_documents would change nothing: parts of the context are compared with them, and {why}. Leave them out, "
        "or give support_level=0.05 and support_unit='sentence'."
    )


def _require_choice(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise SettingsError(f"{name}={value!r} is not known.{nearest(value, known)} Choose {', '.join(known)}.")


_PARAMETERS = tuple(inspect.signature(attribute_context).parameters)
