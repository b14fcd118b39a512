"""Run the bench, prompt by prompt, each written down as soon as it is done."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import msgspec
import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import PredictsSteps, ScoringModel, model_fingerprint
from wherefrom.adapters.check import lacking
from wherefrom.adapters.given import adapter_of
from wherefrom.arrays import FloatArray, to_numpy
from wherefrom.attribute import AttributionModel
from wherefrom.errors import FileFormatError, InputError, ModelCapabilityError, WherefromError
from wherefrom.evaluation.asking import judged_scores, question_of
from wherefrom.evaluation.bench.prompts import Prompt
from wherefrom.evaluation.bench.specs import method_of_spec, parts_of_spec
from wherefrom.evaluation.contract import as_metric
from wherefrom.evaluation.gold import gold_units
from wherefrom.evaluation.measuring import Plan, measure, planned_cost
from wherefrom.evaluation.orderings import ORDERINGS
from wherefrom.evaluation.perturbation_curves import Curves
from wherefrom.evaluation.records import (
    Agreement,
    Curve,
    Evaluation,
    Measurement,
    MetricFacts,
    check_distinct,
    numberless,
)
from wherefrom.evaluation.rescoring import AsksMethod
from wherefrom.evaluation.worths import Worths
from wherefrom.files.locks import RunLock
from wherefrom.files.named import files_named
from wherefrom.files.wire.bytes import append_whole, content_of, without_mark, write_whole
from wherefrom.files.wire.encoding import NOT_JSON
from wherefrom.methods.contract import AnyMethod
from wherefrom.methods.cost import Cost
from wherefrom.methods.dummy import Dummy
from wherefrom.methods.perturbation.settings import PerturbationSettings
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.progress import Progress, reported
from wherefrom.questions.question import Question
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import library_versions
from wherefrom.settings import check_call, non_default, nth_seed
from wherefrom.step_functions.probability import Probability

FORMAT = "wherefrom.bench/1"


@frozen(kw_only=True)
class Bench:
    """What is asked of every prompt alike."""

    methods: tuple[str, ...]
    """Specs, see `wherefrom.evaluation.bench.specs`; ``{middle}`` stands for half the number of layers."""
    metrics: tuple[str, ...]
    removals: tuple[str, ...] = ("delete", "unk")
    units: str = "token"
    functions: dict[str, str] = field(factory=lambda: {"alti_logit": "logit"})
    """Target functions of methods that cannot explain a log-probability, by identifier."""
    cuts: int | None = 4
    draws: int = 4
    seed: int = 0


SHORT = Bench(
    methods=(
        "attention",
        "attention_rollout",
        "value_norms",
        "value_zeroing",
        "alti",
        "alti_logit",
        "saliency",
        "input_x_gradient",
        "layer_gradient_x_activation[depth=0.5]",
        "attention_gradient_rollout",
        "gim",
        "libra",
        "integrated_gradients[n_steps=8]",
        "gradient_shap",
        "deeplift",
        "occlusion[baseline=delete]",
        "occlusion[baseline=unk]",
        "lime[baseline=delete]",
        "kernel_shap[baseline=delete,n_samples=50]",
        "interactions[baseline=delete,n_samples=200,pairs_among=8]",
        "context_cite[baseline=delete,n_samples=50]",
    ),
    metrics=("abpc", "top_k_drop", "tau_loo", "mrr", "rank_accuracy"),
)
"""The which-method table on short prompts."""
LONG = Bench(
    methods=(
        "attention",
        "attention_rollout",
        "value_norms",
        "alti",
        "saliency",
        "input_x_gradient",
        "layer_gradient_x_activation[depth=0.5]",
        "attention_gradient_rollout",
        "gim",
        "libra",
        "integrated_gradients[n_steps=8]",
        "occlusion[baseline=delete,units=sentence]",
        "lime[baseline=delete,units=sentence,n_samples=24]",
        "context_cite[baseline=delete,units=sentence,n_samples=24]",
    ),
    metrics=("rank_accuracy", "mrr", "auprc", "relevance_mass", "top_k_drop"),
    removals=("delete",),
    units="sentence",
)
"""Recall of the evidence on long ones: sentences are what is scored."""


_REPORTED = ("methods", "metrics", "removals", "units", "draws", "seed")
"""What a report says of a bench."""


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="header"):
    """The first line of a bench's file."""

    model: str
    bench: dict[str, Any]
    fingerprint: str | None = None
    """What tells the model from others of its name; "" where it cannot be told, None in files of earlier versions."""
    files: dict[str, str] | None = None
    """What settings of methods name a file, each with the digest of what it holds; None in files of earlier versions.
    """
    versions: dict[str, str] = {}
    format: str = FORMAT


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag="prompt"):
    """One prompt's line."""

    prompt: str
    """Its id."""
    set: str
    text: str
    kept: bool
    """Did the model answer right?"""
    said: str = ""
    """What it says first."""
    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    failures: dict[str, str] = {}
    """Method to why it gave no scores."""
    forwards: int = 0
    asked: str = ""
    """Digest of the whole prompt; "" in files of earlier versions."""


def run_bench(
    model: AttributionModel,
    prompts: Sequence[Prompt],
    bench: Bench,
    path: str | Path,
    *,
    limit: int | None = None,
    show_progress: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Put the bench's question to a model; what ``path`` holds already is not run again.

    What is given back is of these prompts alone, as far as ``limit`` lets it come; `read_bench` gives all of the file.

    The first token of each answer is explained, its log-probability is the target function: behind the prompt, or of
    an encoder-decoder model at the beginning of what it says. Prompts that the model answers otherwise are written down
    as not kept, with what it says.

    Args:
        path: JSONL; grows by a line per prompt.
        limit: Stop after so many of the prompts were kept, whether in this call or before.
        show_progress: Keep a line about progress on a terminal.
        progress: Called with (phase, done, total) instead.

    Raises:
        InputError: The file is of another model or bench, or holds another prompt under the same id; two prompts have
            one id; another process writes to the file; or the bench names something twice, or a metric that asks
            methods again.
    """
    check_call(run_bench, locals(), limit=1)
    path = Path(path)
    plan = _plan(bench)
    adapter = adapter_of(model)
    header = Header(
        model=adapter.card.name,
        bench=attrs.asdict(bench),
        fingerprint=model_fingerprint(adapter) or "",
        files={
            f"{spec}, {name}": digest
            for spec in bench.methods
            for name, digest in files_named(parts_of_spec(spec)[1]).items()
        },
        versions=dict(library_versions()),
    )
    ids = [prompt.id for prompt in prompts]
    if twice := next((one for one in ids if ids.count(one) > 1), None):
        raise InputError(f"Two prompts have the id {twice!r}. Give each an id of its own.")
    path.parent.mkdir(parents=True, exist_ok=True)
    found: list[Outcome] = []
    with RunLock(path):
        header, done = _resume(path, header)
        for prompt in prompts:
            if prompt.id in done and not _answers(done[prompt.id], prompt, _target(model, prompt)):
                raise InputError(
                    f"{path} holds another prompt under the id {prompt.id!r}. Choose another file, or another id."
                )
        with reported(show_progress, progress) as tell:
            for index, prompt in enumerate(prompts):
                if limit is not None and sum(one.kept for one in found) >= limit:
                    break
                if prompt.id in done:
                    found.append(done[prompt.id])
                    continue
                found.append(_outcome(model, prompt, index, bench, plan))
                with path.open("ab", buffering=0) as file:
                    append_whole(file, msgspec.json.encode(found[-1]) + b"\n")
                tell("bench", index + 1, len(prompts))
        return _evaluation(header, found)


def read_bench(path: str | Path, *, sets: Sequence[str] | None = None) -> Evaluation:
    """A bench's file as one evaluation, of the kept prompts; of a prompt that is there twice its last line counts.

    Args:
        sets: Only these kinds of prompts; None: all.

    Raises:
        FileFormatError: The file is something else, or damaged.
        InputError: It is a folder.
    """
    header, outcomes = _read(Path(path))
    return _evaluation(header, [one for one in outcomes.values() if sets is None or one.set in sets])


def _evaluation(header: Header, outcomes: Sequence[Outcome]) -> Evaluation:
    bench = header.bench
    kept = [one for one in outcomes if one.kept]
    metrics = [as_metric(name) for name in bench["metrics"]]
    names = {one.method for outcome in kept for one in outcome.measurements}
    methods = tuple(name for name in bench["methods"] if name in names)
    failures = [f"{one.prompt}: {name}: {why}" for one in kept for name, why in one.failures.items()]
    measurements = tuple(_numbered(kept, lambda outcome: outcome.measurements))
    return Evaluation(
        measurements=measurements,
        curves=tuple(_numbered(kept, lambda outcome: outcome.curves)),
        agreements=tuple(_numbered(kept, lambda outcome: outcome.agreements)),
        metrics={
            one.identifier: MetricFacts(higher_is_better=one.higher_is_better, settings=non_default(one))
            for one in metrics
        },
        methods=methods,
        orderings=tuple(name for name in ORDERINGS if name in names),
        texts=tuple(one.text for one in kept),
        model=header.model,
        removals=tuple(bench["removals"]),
        units=bench["units"],
        draws=bench["draws"],
        seed=bench["seed"],
        forwards=sum(one.forwards for one in kept),
        versions=header.versions,
        warnings=(*failures, *(numberless(bench["metrics"], methods, measurements) if kept else ())),
    )


_Found = TypeVar("_Found", Measurement, Curve, Agreement)
_Line = TypeVar("_Line", Header, Outcome)


def _numbered(kept: Sequence[Outcome], of: Callable[[Outcome], Sequence[_Found]]) -> Iterator[_Found]:
    """What was found, by the place of its prompt among those kept: in the file the place is that among all prompts at
    the time, which another call may have had in another order."""
    for place, outcome in enumerate(kept):
        yield from (msgspec.structs.replace(one, example=place) for one in of(outcome))


@frozen(kw_only=True, eq=False)
class _Case:
    """A prompt as it is put to a model."""

    target: str
    clean: Attribution
    """Without scores."""
    start: int
    """Target position of the answer's first token."""
    question: Question
    units: Units


def _target(model: AttributionModel, prompt: Prompt) -> str:
    """What the answer is part of: it continues the prompt; of an encoder-decoder, which has read that, it is all."""
    if model.adapter.card.kind == "encoder-decoder":
        return prompt.answer.lstrip()
    return prompt.prompt + prompt.answer


def _case(model: AttributionModel, prompt: Prompt, bench: Bench) -> _Case:
    target = _target(model, prompt)
    # scores that no pass is run for: what the question is
    clean = model.attribute(prompt.prompt, target, method=Dummy(), show_progress=False)[0]
    start = clean.attr_pos_start
    clean = clean.select_steps(0, 1)
    question = question_of(model.adapter, clean)
    return _Case(
        target=target,
        clean=clean,
        start=start,
        question=question,
        units=units_of(question, bench.units),
    )


def _predicting(model: AttributionModel) -> ScoringModel:
    if not isinstance(model.adapter, ScoringModel):
        raise lacking(model.adapter, PredictsSteps, "The bench")
    return model.adapter


def _plan(bench: Bench) -> Plan:
    check_distinct("method", bench.methods)
    check_distinct("metric", bench.metrics)
    check_distinct("removal", bench.removals)
    metrics = tuple(as_metric(name) for name in bench.metrics)
    if again := [one.identifier for one in metrics if isinstance(one, AsksMethod)]:
        raise InputError(
            f"{', '.join(again)}: these ask methods again, which a bench does not. Leave them out, or use `evaluate`."
        )
    metrics = tuple(evolve(one, cuts=bench.cuts) if isinstance(one, Curves) else one for one in metrics)
    return Plan(metrics=metrics, draws=bench.draws, cuts=bench.cuts, curves=bench.units == "token")


def _seed(bench: Bench, prompt: Prompt) -> int:
    """For what is drawn for a prompt, whichever prompts stand beside it."""
    return nth_seed(bench.seed, int(_digest(prompt), 16))


def _outcome(model: AttributionModel, prompt: Prompt, index: int, bench: Bench, plan: Plan) -> Outcome:
    case = _case(model, prompt, bench)
    adapter = _predicting(model)
    (answer,) = adapter.predict([case.question.row(target_function=None)])
    said = int(np.argmax(to_numpy(answer.logits)[0]))
    facts: dict[str, Any] = {
        "prompt": prompt.id,
        "set": prompt.set,
        "asked": _digest(prompt),
        "text": case.target,
        "said": model.adapter.decode(np.array([said])),
    }
    if said != int(case.question.target_ids[case.start]):
        return Outcome(**facts, kept=False)
    scores: dict[str, FloatArray] = {}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as tables:
        for spec in bench.methods:
            method = _method(spec, model, tables)
            try:
                result = _attributed(model, prompt.prompt, case.target, method, case.start, bench)
                scores[spec] = judged_scores(result, case.units)
                if not np.isfinite(scores.get(spec, np.zeros(0))).all():
                    raise InputError("Some scores are not numbers.")
            except WherefromError as error:
                scores.pop(spec, None)
                failures[spec] = str(error).splitlines()[0]
        worths = [Worths(adapter, case.question, case.units, removal, tables=tables) for removal in bench.removals]
        gold = prompt.gold()
        found = measure(
            worths,
            scores,
            [(case.start, case.start + 1)],
            plan,
            example=index,
            seed=_seed(bench, prompt),
            gold=None if gold is None else gold_units(gold, case.clean, case.units),
        )
    return Outcome(
        **facts,
        kept=True,
        measurements=tuple(found.measurements),
        curves=tuple(found.curves),
        agreements=tuple(found.agreements),
        failures=failures,
        forwards=sum(one.forwards for one in worths),
    )


def _attributed(
    model: AttributionModel, prompt: str, target: str, method: AnyMethod, start: int, bench: Bench
) -> Attribution:
    return _asked(model, method, bench).attribute(
        prompt,
        target,
        method=method,
        attr_pos_start=start,
        attr_pos_end=start + 1,
        show_progress=False,
        seed=bench.seed,
    )[0]


def _asked(model: AttributionModel, method: AnyMethod, bench: Bench) -> AttributionModel:
    """The model, asked about the target function that the method can explain."""
    asked = AttributionModel(model.adapter)
    asked.attributed_fn = bench.functions.get(method.identifier, Probability(logprob=True))
    return asked


def _method(spec: str, model: AttributionModel, tables: str | None) -> AnyMethod:
    layers = model.adapter.card.layers
    method = method_of_spec(spec.replace("{middle}", str((layers or 0) // 2)))
    return evolve(method, tables=tables) if isinstance(method, PerturbationSettings) else method


def bench_cost(model: AttributionModel, prompts: Sequence[Prompt], bench: Bench, *, limit: int | None = None) -> Cost:
    """A bound of what `run_bench` runs, whichever prompts the model answers right. None of it is run for this.

    Args:
        limit: Prompts that are kept at most; all are asked, and the dearest may be those that are kept.

    Raises:
        SettingsError: A method's settings are wrong, or it cannot explain the function that it is asked about.
    """
    plan = _plan(bench)
    costs = []
    for prompt in prompts:
        case = _case(model, prompt, bench)
        total = Cost(forwards=0, at_most=True)
        for spec in bench.methods:
            method = _method(spec, model, None)
            try:
                (cost,) = _asked(model, method, bench).cost(
                    prompt.prompt,
                    case.target,
                    method=method,
                    attr_pos_start=case.start,
                    attr_pos_end=case.start + 1,
                    seed=bench.seed,
                )
            except (InputError, ModelCapabilityError):  # it will be refused, which costs nothing
                continue
            if cost is not None:
                total += cost
        worths = [Worths(_predicting(model), case.question, case.units, removal) for removal in bench.removals]
        total += planned_cost(
            worths,
            dict.fromkeys(bench.methods),
            [(case.start, case.start + 1)],
            plan,
            seed=_seed(bench, prompt),
            gold=prompt.gold() is not None,
        )
        costs.append(total)
    costs.sort(key=lambda cost: cost.forwards + cost.backwards, reverse=True)
    return sum(costs[:limit], Cost(forwards=len(prompts), at_most=True))


def _resume(path: Path, header: Header) -> tuple[Header, dict[str, Outcome]]:
    """What the file says of its bench, and what came of its prompts; a file that is not there is begun."""
    line = msgspec.json.encode(header)
    same = msgspec.json.decode(line, type=Header)
    if not path.exists():
        write_whole(path, [line + b"\n"], overwrite=False)
        return same, {}
    found, outcomes = _read(path)
    fingerprint = same.fingerprint if found.fingerprint is None else found.fingerprint
    files = same.files if found.files is None else found.files
    if (found.model, found.bench, fingerprint, files) != (same.model, same.bench, same.fingerprint, same.files):
        raise InputError(
            f"{path} is the bench of another model, of other weights or hooks in it, or of other methods, settings or "
            "files that settings name. "
            "Choose another file."
        )
    with path.open("r+b") as file:  # what is written next begins a line
        file.truncate(path.read_bytes().rfind(b"\n") + 1)
    return found, outcomes


def _digest(prompt: Prompt) -> str:
    return hashlib.sha256(msgspec.json.encode(prompt)).hexdigest()


def _answers(outcome: Outcome, prompt: Prompt, target: str) -> bool:
    """Is it this prompt's line, as far as the line says?"""
    return outcome.text == target and outcome.asked in ("", _digest(prompt))


def _read(path: Path) -> tuple[Header, dict[str, Outcome]]:
    """What was asked, and what came of each prompt, by its id."""
    lines = without_mark(content_of(path)).split(b"\n")
    header = _record(lines[0], Header, f"{path}, line 1")
    if header.format != FORMAT:
        raise FileFormatError(f"{path}: expected {FORMAT}, found {header.format!r}.")
    if lacking := [name for name in _REPORTED if name not in header.bench]:
        raise FileFormatError(f"{path}, line 1: the bench says nothing of {', '.join(lacking)}.")
    outcomes = [
        _record(line, Outcome, f"{path}, line {number}")
        for number, line in enumerate(lines[1:-1], start=2)  # a line without its end was cut off: it is run again
        if line
    ]
    return header, {one.prompt: one for one in outcomes}


def _record(line: bytes, kind: type[_Line], where: str) -> _Line:
    try:
        return msgspec.json.decode(line, type=kind)
    except NOT_JSON as error:
        raise FileFormatError(f"{where}: this is not a bench's file, or it is damaged: {error}.") from error
