"""``wherefrom info``: how saved attributions were made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from attrs import frozen
from wherefrom.files import open_run

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import open_results
from wherefrom_cli.parser import CommandParser, Options

_LONG = ("input_texts", "generated_texts")


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
    described = {path: describe(path) for path in options.paths}
    if options.as_config:
        for path, one in described.items():
            console.line(f"# {path}")
            console.line(as_config(one.provenance))
    elif options.json or options.jsonl:
        documents = [
            {"path": path, **one.summary, "provenance": dict(one.provenance)} for path, one in described.items()
        ]
        for document in [documents] if options.json else documents:
            console.line(json.dumps(document, ensure_ascii=False, indent=2 if options.json else None))
    else:
        for path, one in described.items():
            console.line(path)
            told = {name: value for name, value in one.provenance.items() if name not in _LONG}
            for name, value in _flat({**one.summary, **told}):
                console.line(f"  {name}: {value}")
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
        },
        provenance=msgspec.to_builtins(out.provenance),
    )


def as_config(info: Mapping[str, Any]) -> str:
    """The options that made a result, as a configuration file."""
    arguments = info.get("arguments", {})
    method = info.get("method", {})
    function = info.get("attributed_fn", {})
    options: dict[str, Any] = {
        "model": info.get("model", {}).get("name"),
        "attribution-method": method.get("name"),
        "attributed-fn": function.get("name"),
        "step-scores": [score.get("name") for score in info.get("step_scores", [])],
        "start-pos": arguments.get("attr_pos_start"),
        "end-pos": arguments.get("attr_pos_end"),
        "attribute-target": arguments.get("attribute_target"),
        "include-eos-baseline": arguments.get("include_eos_baseline"),
        "generate-from-target-prefix": arguments.get("generate_from_target_prefix"),
        "skip-special-tokens": arguments.get("skip_special_tokens"),
        "seed": info.get("seed"),
        "attribution-kwargs": {**function.get("settings", {}), **method.get("settings", {})},
        "generation-kwargs": info.get("generation_args", {}),
    }
    lines = [f"{name} = {_toml(value)}" for name, value in options.items() if value not in (None, [], {})]
    return "\n".join(["[attribute]", *lines])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


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
