"""``wherefrom attribute-dataset``: explain a whole data set, in bounded memory, and go on after an interruption."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import asdict
from wherefrom.errors import ModelGoneError, UsageError
from wherefrom.results.provenance import BY_EXAMPLE, of_one_example
from wherefrom_viz.console.progress import duration

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.dataset.batches import Batch, length_bucketed
from wherefrom_cli.dataset.interruption import Interruption
from wherefrom_cli.dataset.run_sink import open_run_sink, refuse_existing_run
from wherefrom_cli.dataset.sink import Sink
from wherefrom_cli.dataset.source import Dataset, DatasetRequest, Shard
from wherefrom_cli.dataset.stream_sink import StreamSink
from wherefrom_cli.dataset.work import Job, Outcome
from wherefrom_cli.dry_run import print_plan
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options, WrongValueError, json_object, number, one_of, positive_number
from wherefrom_cli.progress import ProgressLine
from wherefrom_cli.ray_engine import Cluster, ray_outcomes
from wherefrom_cli.request import (
    ModelRequest,
    add_generation_options,
    add_method_options,
    add_model_options,
    add_reduction_options,
    add_run_options,
    add_target_options,
    attribution_request,
    model_request,
    reduction,
)
from wherefrom_cli.results import (
    STDOUT,
    add_output_options,
    file_of,
    one_claim,
    refuse_idle_views,
    refuse_lines_of_a_plan,
)
from wherefrom_cli.rows import ENDINGS
from wherefrom_cli.texts import COLUMN_OF_CONTRASTS, COLUMN_OF_TARGETS, Fields, targets_note

BATCH_SIZE = 8
ENGINES = ("local", "ray")
_OF_RAY = frozenset({"address", "actors", "gpus_per_actor", "cpus_per_actor"})


def configure(parser: CommandParser) -> None:
    """Add the options."""
    given = parser.group("Input")
    given.add(
        "-d",
        "--dataset",
        "--dataset-name",
        dest="dataset_name",
        metavar="NAME",
        help="a hub name, or a local .jsonl, .json, .csv, .tsv, .parquet or .txt file",
    )
    given.add(
        "--split",
        "--dataset-split",
        default="train",
        metavar="SPLIT",
        help="split, or a part as in train[:20] (default: train)",
    )
    given.add(
        "-in",
        "--input",
        "--input-text-field",
        "--input-field",
        dest="input_field",
        metavar="NAME",
        help="column of the texts",
    )
    given.add(
        "-gen",
        "--generated",
        "--generated-text-field",
        "--output-field",
        dest="output_field",
        metavar="NAME",
        help=COLUMN_OF_TARGETS,
    )
    given.add("--id-field", metavar="NAME", help="column of the examples' names (default: their place)")
    given.add("--contrast-field", metavar="NAME", help=COLUMN_OF_CONTRASTS)
    given.add(
        "--annotations",
        nargs="+",
        default=[],
        metavar="NAME",
        help="columns to keep with the results, such as tags or labels: `view` lists, sorts and filters by them",
    )
    given.add(
        "--config", "--dataset-config", dest="dataset_config", metavar="NAME", help="configuration of the data set"
    )
    given.add("--dir", "--dataset-dir", dest="dataset_dir", metavar="DIR", help="folder of the data set's files")
    given.add(
        "--files",
        "--dataset-files",
        dest="dataset_files",
        nargs="+",
        default=[],
        metavar="FILE",
        help="the data set's files",
    )
    given.add(
        "--revision", "--dataset-revision", dest="dataset_revision", metavar="REV", help="revision of the data set"
    )
    given.add("--auth", "--dataset-auth-token", dest="auth", metavar="TOKEN", hidden=True)
    given.add(
        "--dataset-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="more arguments of datasets.load_dataset, such as '{\"streaming\": true}'",
    )
    given.add(
        "--streaming", action="store_true", help="read the data set as it is used instead of downloading it first"
    )
    given.add(
        "--shard", type=_shard, default=Shard(), metavar="K/N", help="only every N-th example, beginning with the K-th"
    )
    add_model_options(parser.group("Model"))
    add_method_options(parser.group("Method"))
    add_target_options(parser.group("Target"))
    add_generation_options(parser.group("Generation"))
    output = parser.group(
        "Output",
        "-o FOLDER keeps every finished example at once; -o FILE.json or FILE.jsonl makes one file of them at the end.",
    )
    add_output_options(output)
    output.add("--resume", action="store_true", help="go on with the run in the folder")
    output.add("--retry-failed", action="store_true", help="go on, and try the failed examples again")
    add_reduction_options(output, aggregate=True)
    add_run_options(parser.group("Run"), batch_size=BATCH_SIZE)
    engine = parser.group("Engine")
    engine.add(
        "--engine",
        type=one_of(ENGINES),
        default="local",
        metavar="NAME",
        help="local: this process; ray: workers on this machine or a cluster (default: local)",
    )
    engine.add("--address", metavar="ADDRESS", help="ray: address of a running cluster (default: start one here)")
    engine.add(
        "--actors",
        type=positive_number,
        default=2,
        metavar="N",
        help="ray: workers, each with its own model (default: 2)",
    )
    engine.add(
        "--gpus-per-actor",
        type=number,
        default=0.0,
        metavar="X",
        help="ray: GPUs of a worker; 0.5 lets two share one (default: 0)",
    )
    engine.add("--cpus-per-actor", type=number, default=1.0, metavar="X", help="ray: CPUs of a worker (default: 1)")


def execute(options: Options, console: Console) -> int:
    """Attribute the data set."""
    lines = {"--jsonl": options.jsonl} if options.jsonl else {"-o -": options.save_path == STDOUT}
    one_claim({"--json": options.json, **lines})
    _give_notes(options, console)
    options.let_go({_DATA_OPTIONS[name] for name in dataset_request(options).idle()})
    if options.engine != "ray":
        options.refuse_idle(_OF_RAY, "they are for --engine ray")
    if keeps_a_run(options):
        options.refuse_idle({"view"}, "a run that is kept is not shown")
    refuse_idle_views(options, machine=prints_lines(options))
    refuse_lines_of_a_plan(options)
    asked = dataset_request(options)
    if keeps_a_run(options) and not options.dry_run:  # before the slow part
        going_on = options.resume or options.retry_failed
        refuse_existing_run(*_places(options), resume=going_on, overwrite=options.overwrite)
    model_asked = model_request(options)
    job = Job(request=attribution_request(options), reduction=reduction(options), model=model_asked)
    _refuse_settings_of_examples(job.request.settings, asked.fields)
    dataset = asked.load()
    if note := targets_note(dataset.columns, asked.fields):
        console.note(note)
    if options.dry_run:
        examples = [numbered.example for numbered in dataset if numbered.example.can_be_asked_about]  # others fail
        if not examples:
            raise UsageError(f"There is no text in {asked.name!r}.")
        print_plan(model_asked.load(), model_asked, examples, job.request, console, as_json=options.json)
        return ExitCode.DONE
    sink = _open_sink(options, asked, dataset, model_asked, job, console)
    with sink:
        return _run(options, console, dataset, model_asked, job, sink)


def _open_sink(
    options: Options,
    asked: DatasetRequest,
    dataset: Dataset,
    model_asked: ModelRequest,
    job: Job,
    console: Console,
) -> Sink:
    """Where the results go: a run, or nowhere but the terminal."""
    if not keeps_a_run(options):
        if options.resume or options.retry_failed:
            raise UsageError("--resume and --retry-failed need a run to go on with.\nAdd -o FOLDER.")
        if options.json:
            raise UsageError("--json would hold all results in memory.\nUse --jsonl, or save a run with -o FOLDER.")
        return StreamSink(
            console=console, lines=prints_lines(options), view=options.view, hide=options.hide_attributions
        )
    settings = {
        "command": "attribute-dataset",
        "model": model_asked.told(),
        "dataset": asked.told(),
        "request": asdict(job.request),
        "reduction": asdict(job.reduction),
        "batch_size": options.batch_size,
    }
    identity = {
        "model": model_asked.identity(),
        "data": dataset.fingerprint(),
        "request": job.request.identity(),
        "reduction": asdict(job.reduction),
        "batch size": options.batch_size,
    }
    if annotations := dataset.annotations_fingerprint():
        identity["annotations"] = annotations
    path, viz_path = _places(options)
    return open_run_sink(
        path,
        settings,
        identity,
        dataset,
        resume=options.resume,
        retry_failed=options.retry_failed,
        overwrite=options.overwrite,
        viz_path=viz_path,
        lines=console if prints_lines(options) else None,
    )


def prints_lines(options: Options) -> bool:
    """Do the results themselves go to standard output, as JSON lines? Of a run that is kept it is a report."""
    return file_of(options.save_path) is None and (options.jsonl or options.save_path == STDOUT)


def keeps_a_run(options: Options) -> bool:
    """Are results kept in a folder, for good or until a page or file is made of them?"""
    return file_of(options.save_path) is not None or options.viz_path is not None


def _places(options: Options) -> tuple[Path | None, Path | None]:
    return file_of(options.save_path), Path(options.viz_path) if options.viz_path else None


def _run(options: Options, console: Console, dataset: Dataset, model_asked: ModelRequest, job: Job, sink: Sink) -> int:
    """Attribute what the sink still wants and say how it went."""
    begun = time.monotonic()
    counts = {"done": 0, "failed": 0}
    examples = dataset.each_once() if keeps_a_run(options) else dataset
    batches = (
        batch
        for batch in length_bucketed(examples, options.batch_size)
        if any(sink.wants(item.key) for item in batch.examples)
    )
    progress = ProgressLine(console=console, overall="examples")
    with Interruption(console) as interruption, progress:
        progress.begin(dataset.size, already_done=sink.finished)
        if options.engine == "ray":
            cluster = Cluster(
                address=options.address, actors=options.actors, gpus=options.gpus_per_actor, cpus=options.cpus_per_actor
            )
            interruption.begin()
            work = ray_outcomes(batches, job, model_asked, cluster)
        else:
            work = _local_outcomes(batches, job, model_asked, progress, interruption)
        with closing(work):
            for outcomes in _told_how_to_go_on(work, sink):
                wanted = [outcome for outcome in outcomes if sink.wants(outcome.key)]
                sink.keep(wanted)
                failed = sum(outcome.failed for outcome in wanted)
                counts["done"] += len(wanted) - failed
                counts["failed"] += failed
                progress.advance(len(wanted), failed=failed, tokens=sum(map(_tokens, wanted)))
                if interruption.asked:
                    break
        stopped = interruption.asked
    finished = sink.finish(stopped=stopped)
    seconds = time.monotonic() - begun
    failed_in_all = sink.failed
    told = [f"{counts['done']} attributed, {counts['failed']} failed in {duration(seconds)}"]
    if (sink.finished, failed_in_all) != (counts["done"], counts["failed"]):
        told.append(f"{sink.finished} finished in all")
    if failed_in_all > counts["failed"]:
        told.append(f"{failed_in_all} failed before and were left (--retry-failed tries them again)")
    console.note(f"{'; '.join(told)}." + (f" {finished}" if finished else ""))
    if keeps_a_run(options) and (options.json or options.jsonl) and not prints_lines(options):
        report = {
            "path": options.save_path or options.viz_path,
            "finished": sink.finished,
            "failed": failed_in_all,
            "stopped": stopped,
        }
        console.line(json.dumps({**report, "seconds": round(seconds, 3)}))
    if stopped:
        console.note(f"Interrupted. {sink.how_to_resume}")
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if failed_in_all else ExitCode.DONE


def _told_how_to_go_on(work: Iterable[list[Outcome]], sink: Sink) -> Iterator[list[Outcome]]:
    """The same, but a model that is gone is no end of the run."""
    try:
        yield from work
    except ModelGoneError as error:
        raise ModelGoneError(f"{error}\n{sink.how_to_resume}") from error


def _local_outcomes(
    batches: Iterator[Batch], job: Job, model_asked: ModelRequest, progress: ProgressLine, interruption: Interruption
) -> Generator[list[Outcome]]:
    """Outcomes of each batch, done in this process; the model is loaded when the first batch comes."""
    model = None
    for batch in batches:
        if model is None:
            progress(f"loading {model_asked.name}", 0, 1)
            model = model_asked.load()
            interruption.begin()
        yield job.run(model, batch, progress)


def dataset_request(options: Options) -> DatasetRequest:
    """The data set the options name.

    Raises:
        UsageError: They name none.
    """
    if options.dataset_name is None:
        raise UsageError(f"No data set was named.\nAdd -d NAME: a hub name, or a local file ({', '.join(ENDINGS)}).")
    return DatasetRequest(
        name=options.dataset_name,
        config=options.dataset_config,
        folder=options.dataset_dir,
        files=tuple(options.dataset_files),
        split=options.split,
        revision=options.dataset_revision,
        kwargs={**options.dataset_kwargs, **({"streaming": True} if options.streaming else {})},
        fields=Fields(
            input=options.input_field,
            output=options.output_field,
            id=options.id_field,
            contrast=options.contrast_field,
            annotations=tuple(options.annotations),
        ),
        limit=options.limit,
        shard=options.shard,
    )


_DATA_OPTIONS = {
    "config": "dataset_config",
    "folder": "dataset_dir",
    "files": "dataset_files",
    "revision": "dataset_revision",
    "kwargs": "dataset_kwargs",
}
"""Fields of the request, and the options that give them."""


def _give_notes(options: Options, console: Console) -> None:
    if options.auth is not None:
        console.warn(
            "--auth is ignored: a token on the command line is seen by others. "
            "Log in with `hf auth login`, or set HF_TOKEN."
        )
    if options.do_prefix_attribution is not None:
        console.note("note: --do-prefix-attribution is called --attribute-target now.")
    if options.output_step_attributions:
        console.note("note: --output-step-attributions has no effect: every column of the scores is a step.")


def _refuse_settings_of_examples(settings: Mapping[str, Any], fields: Fields) -> None:
    """Raise: UsageError: A setting has a value for each example, which are done in another order; or what texts are
    compared with is said twice."""
    for name in BY_EXAMPLE:
        if not of_one_example(name, settings.get(name)):
            raise UsageError(
                f"{name!r} is given as a list of one for each example, and a data set is done in batches, short texts "
                "first.\nName a column of contrastive targets with --contrast-field NAME, give one value for all, or "
                "ask `wherefrom attribute`, which keeps the order."
            )
    if fields.contrast is not None and "contrast_targets" in settings:
        raise UsageError("--contrast-field and the setting contrast_targets exclude each other.\nChoose one.")


def _tokens(outcome: Outcome) -> int:
    one = outcome.attribution
    return one.attr_pos_end - one.attr_pos_start if one is not None else 0


def _shard(text: str) -> Shard:
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return Shard(number=int(number), of=int(of))
    raise WrongValueError(f"expected K/N with K from 1 to N, such as 2/8, got {text!r}")


COMMAND = Command(
    name="attribute-dataset",
    summary="Explain every example of a data set. A run that was interrupted goes on with --resume.",
    examples=(
        ("wherefrom attribute-dataset -m demo:lm -d texts.jsonl -o run/", "a local file into a run folder"),
        (
            'wherefrom attribute-dataset -m gpt2 -d inseq/scat --config sentences --split "test[:20]" -in en -o run/',
            "part of a data set of the hub",
        ),
        ("wherefrom attribute-dataset -m demo:lm -d texts.jsonl -o run/ --resume", "go on after an interruption"),
    ),
    configure=configure,
    execute=execute,
)
