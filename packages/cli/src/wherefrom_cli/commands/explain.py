"""``wherefrom explain NAME``: what a method, step function or aggregator does, and whose idea it was."""

from __future__ import annotations

import argparse
import json

import attrs

from wherefrom_cli.catalogue import Entry, describe
from wherefrom_cli.command import Command
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser
from wherefrom_cli.talk import Talk


def configure(parser: CommandParser) -> None:
    """Add the options."""
    parser.group("What").add("names", metavar="NAME", nargs="+", help="a method, step function or aggregator")
    output = parser.group("Output")
    output.add("--bibtex", action="store_true", help="only the citations")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--jsonl", action="store_true", help="one JSON object per line")


def execute(options: argparse.Namespace, talk: Talk) -> int:
    """Print the descriptions."""
    entries = [entry for name in options.names for entry in describe(name)]
    if options.json or options.jsonl:
        documents = [{**attrs.asdict(entry), "bibtex": entry.bibtex} for entry in entries]
        for document in [documents] if options.json else documents:
            talk.line(json.dumps(document, ensure_ascii=False, indent=2 if options.json else None, default=str))
        return ExitCode.DONE
    for number, entry in enumerate(entries):
        if number:
            talk.line()
        if options.bibtex:
            talk.line(entry.bibtex or f"% {entry.name}: its documentation names no paper")
        else:
            _print(entry, talk)
    return ExitCode.DONE


def _print(entry: Entry, talk: Talk) -> None:
    kind = entry.kind.replace("-", " ").removesuffix("s")
    talk.line(f"{entry.name} ({kind})")
    talk.line()
    talk.line(entry.text or "(not documented)")
    if entry.settings:
        talk.line()
        talk.line("Settings:")
        for name, type_name, default in entry.settings:
            talk.line(f"  {name}: {type_name} = {default}")
    if entry.facts:
        talk.line()
        for fact, value in entry.facts:
            shown = (
                ", ".join(map(str, value)) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, value)
            )
            talk.line(f"{fact.replace('_', ' ')}: {shown or 'none'}")
    if entry.source:
        talk.line()
        talk.line("Source:")
        for line in entry.source.splitlines():
            talk.line(f"  {line}")
        if entry.bibtex:
            talk.line()
            talk.line(entry.bibtex)


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
