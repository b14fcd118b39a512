"""``wherefrom info``: how saved attributions were made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from attrs import frozen
from wherefrom.context import ContextAttribution, is_context_file
from wherefrom.files import open_run
from wherefrom.files.wire.plain import to_plain
from wherefrom.results.stages import Stage
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.asking_again import Again, again, context_again, run_again
from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import open_results
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.results import one_claim

_LONG = (
    "input_texts",
    "generated_texts",
    *(f"context.{name}" for name in ("input_current_text", "input_context_text", "null_documents", "null_contexts")),
)


def configure(parser: CommandParser) -> None:
    """Add the options."""
    parser.group("What").add("paths", metavar="PATH", nargs="+", help="saved files, or folders of runs")
    output = parser.group("Output")
    output.add("--as-config", action="store_true", help="as a configuration file that asks for the same again")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--jsonl", action="store_true", help="one JSON object per file")


@frozen(kw_only=True)
class Described:
    """What is said of one file or run."""

    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]


def execute(options: Options, console: Console) -> int:
    """Print the provenance of each."""
    one_claim({"--as-config": options.as_config, "--json": options.json, "--jsonl": options.jsonl})
    configs = {path: asked_again(path) for path in options.paths} if options.as_config else {}
    described = {} if options.as_config else {path: describe(path) for path in options.paths}
    if options.as_config:
        for path, asked in configs.items():
            console.line(f"# {visible(path)}")
            console.line(asked.toml())
            for note in asked.notes:
                console.note(f"{path}: {note}")
    elif options.json or options.jsonl:
        documents = [
            {"path": path, **to_plain({**one.summary, "provenance": one.provenance})} for path, one in described.items()
        ]
        for document in [documents] if options.json else documents:
            console.line(json.dumps(document, ensure_ascii=False, indent=2 if options.json else None))
    else:
        for path, one in described.items():
            console.line(visible(path))
            for name, value in _flat({**one.summary, **one.provenance}):
                if name in _LONG:
                    continue
                console.line(visible(f"  {name}: {value}"))
    return ExitCode.DONE


def describe(path: str) -> Described:
    """What is in a file, or in a run (whose scores are not read), and how it was made."""
    if Path(path).is_dir():
        run = open_run(path)
        summaries = run.summaries
        return Described(
            summary={
                "examples": len(run),
                "of": run.manifest.total,
                "failed": len(run.failures),
                "explained tokens": sum(one.steps for one in summaries),
                "scores": sorted({name for one in summaries for name in one.scores}),
            },
            provenance=msgspec.to_builtins(run.provenance),
        )
    out = open_results(path)
    return Described(
        summary={
            "examples": len(out),
            "explained tokens": sum(one.attr_pos_end - one.attr_pos_start for one in out),
            "scores": sorted({name for one in out for name in one.step_scores}),
            "dimensions": sorted({name for one in out for name in one.dimensions}),
            "aggregated": all(one.is_aggregated for one in out),
            "stages": sorted({stage_text(stage) for one in out for stage in one.aggregations}),
            "context": _context_of(path),
        },
        provenance=msgspec.to_builtins(out.provenance),
    )


def asked_again(path: str) -> Again:
    """What asks for a file or run again."""
    if Path(path).is_dir():
        return run_again(open_run(path).manifest)
    out = open_results(path)  # says what is wrong with a file that is none of ours
    return context_again(ContextAttribution.load(path)) if is_context_file(path) else again(out)


def stage_text(stage: Stage) -> str:
    """An aggregation with its settings, in a line."""
    settings = ", ".join(f"{name}={value!r}" for name, value in stage.settings.items())
    return f"{stage.name}({settings})" if settings else stage.name


def _context_of(path: str) -> dict[str, Any]:
    """What was asked of a context attribution: metric, thresholds, templates; nothing of other files."""
    if not is_context_file(path):
        return {}
    out = ContextAttribution.load(path)
    return {**out.info, **({"support_threshold": out.support_threshold} if out.parts else {})}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        elif value not in ({}, [], None, ""):
            yield prefix + name, ", ".join(map(str, value)) if isinstance(value, list) else value


COMMAND = Command(
    name="info",
    summary="How saved attributions were made: model, method, settings, versions, seed.",
    examples=(
        ("wherefrom info out.json", "everything that decided the numbers"),
        ("wherefrom info out.json --as-config > again.toml", "ask for the same again, with --config-file again.toml"),
    ),
    configure=configure,
    execute=execute,
)
