"""``wherefrom list``: what there is, by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import entry_points

from wherefrom.adapters.catalogue import capabilities

from wherefrom_cli.catalogue import KINDS, first_sentence, things
from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options, one_of

ADAPTERS = "wherefrom.adapters"


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add(
        "kind",
        metavar="KIND",
        nargs="?",
        type=one_of([*KINDS, "adapters"]),
        help=f"{', '.join(KINDS)} or adapters (default: all)",
    )
    output = parser.group("Output")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--jsonl", action="store_true", help="one JSON object per line")
    output.add("--names", action="store_true", help="names only, one per line")


def execute(options: Options, console: Console) -> int:
    """Print the names."""
    kinds = [options.kind] if options.kind else [*KINDS, "adapters"]
    listed = {kind: dict(_described(kind)) for kind in kinds}
    if options.json:
        console.line(json.dumps(listed, indent=2, ensure_ascii=False))
    elif options.jsonl:
        for kind, entries in listed.items():
            for name, words in entries.items():
                console.line(json.dumps({"kind": kind, "name": name, "summary": words}, ensure_ascii=False))
    elif options.names:
        for entries in listed.values():
            for name in entries:
                console.line(name)
    else:
        _table(listed, console)
    return ExitCode.DONE


def _described(kind: str) -> Iterable[tuple[str, str]]:
    if kind == "adapters":
        given = capabilities()
        for point in sorted(entry_points(group=ADAPTERS), key=lambda point: point.name):
            gives = ", ".join(given.get(point.name, ("what it gives is not told",)))
            yield point.name, f"from {point.dist.name if point.dist else point.value}: {gives}"
        return
    for name, thing in things(kind):
        yield name, first_sentence(thing)


def _table(listed: dict[str, dict[str, str]], console: Console) -> None:
    for kind, entries in listed.items():
        if len(listed) > 1:
            console.line(f"{kind.replace('-', ' ').capitalize()}:")
        width = max(map(len, entries), default=0)
        for name, words in entries.items():
            console.line(f"  {name:<{width}}  {words}".rstrip())
        if len(listed) > 1:
            console.line()
    console.note("`wherefrom explain NAME` says more.")


COMMAND = Command(
    name="list",
    summary="List methods, step functions, aggregators and adapters.",
    examples=(
        ("wherefrom list methods", "all attribution methods"),
        ("wherefrom list step-functions --json", "for a program"),
    ),
    configure=configure,
    execute=execute,
)
