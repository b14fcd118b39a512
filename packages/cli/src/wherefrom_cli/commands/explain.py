"""``wherefrom explain NAME``: what a method, step function or aggregator does, and whose idea it was."""

from __future__ import annotations

import json

import attrs

from wherefrom_cli.catalogue import Entry, describe
from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.plugins import add_plugin_option, load_plugins
from wherefrom_cli.results import one_claim


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("names", metavar="NAME", nargs="+", help="a method, step function or aggregator")
    add_plugin_option(what)
    output = parser.group("Output")
    output.add("--bibtex", action="store_true", help="only the citations")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--jsonl", action="store_true", help="one JSON object per line")


def execute(options: Options, console: Console) -> int:
    """Print the descriptions."""
    one_claim({"--bibtex": options.bibtex, "--json": options.json, "--jsonl": options.jsonl})
    load_plugins(options.plugin)
    entries = [entry for name in options.names for entry in describe(name)]
    if options.json or options.jsonl:
        documents = [{**attrs.asdict(entry), "bibtex": entry.bibtex} for entry in entries]
        for document in [documents] if options.json else documents:
            console.line(json.dumps(document, ensure_ascii=False, indent=2 if options.json else None, default=str))
        return ExitCode.DONE
    for number, entry in enumerate(entries):
        if number:
            console.line()
        if options.bibtex:
            console.line(entry.bibtex or f"% {entry.name}: its documentation names no paper")
        else:
            _print(entry, console)
    return ExitCode.DONE


def _print(entry: Entry, console: Console) -> None:
    kind = entry.kind.replace("-", " ").removesuffix("s")
    console.line(f"{entry.name} ({kind})")
    console.line()
    console.line(entry.text or "(not documented)")
    if entry.settings:
        console.line()
        console.line("Settings:")
        for name, type_name, default in entry.settings:
            console.line(f"  {name}: {type_name} = {default}")
    if entry.facts:
        console.line()
        for fact, value in entry.facts:
            shown = (
                ", ".join(map(str, value)) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, value)
            )
            console.line(f"{fact.replace('_', ' ')}: {shown or 'none'}")
    if entry.source:
        console.line()
        console.line("Source:")
        for line in entry.source.splitlines():
            console.line(f"  {line}")
        if entry.bibtex:
            console.line()
            console.line(entry.bibtex)


COMMAND = Command(
    name="explain",
    summary="What a method, step function or aggregator does: definition, settings, source, BibTeX.",
    examples=(
        ("wherefrom explain integrated_gradients", "definition, settings and paper"),
        ("wherefrom explain occlusion lime --bibtex", "citations only"),
    ),
    configure=configure,
    execute=execute,
)
