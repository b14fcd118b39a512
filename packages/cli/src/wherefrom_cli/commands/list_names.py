"""``wherefrom list``: what there is, by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import entry_points

from wherefrom.adapters.catalogue import capabilities
from wherefrom.evaluation.bench.standings import standings

from wherefrom_cli.catalogue import KINDS, first_sentence, things
from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.cost_formula import formula
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options, one_of
from wherefrom_cli.plugins import add_plugin_option, load_plugins
from wherefrom_cli.results import one_claim

ADAPTERS = "wherefrom.adapters"
LEGEND = (
    "cost: rows forward through the model and scalars differentiated, for n inputs and s explained tokens; "
    "rank: place in the bench (`wherefrom.evaluation`), where a method was measured."
)


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
    add_plugin_option(what)
    output = parser.group("Output")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--jsonl", action="store_true", help="one JSON object per line")
    output.add("--names", action="store_true", help="names only, one per line")


def execute(options: Options, console: Console) -> int:
    """Print the names."""
    one_claim({"--names": options.names, "--json": options.json, "--jsonl": options.jsonl})
    load_plugins(options.plugin)
    kinds = [options.kind] if options.kind else [*KINDS, "adapters"]
    listed = {kind: dict(_described(kind)) for kind in kinds}
    if options.names:
        for entries in listed.values():
            for name in entries:
                console.line(name)
    elif options.json:
        console.line(json.dumps(listed, indent=2, ensure_ascii=False))
    elif options.jsonl:
        for kind, entries in listed.items():
            for name, words in entries.items():
                facts = method_facts(name) if kind == "methods" else {}
                console.line(json.dumps({"kind": kind, "name": name, "summary": words, **facts}, ensure_ascii=False))
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


def method_facts(name: str) -> dict[str, str | int | None]:
    """What a method costs with its default settings (`wherefrom_cli.cost_formula`), and its place in the bench.

    Both are None where nothing is known: a cost that depends on more, a method that was not measured.
    """
    cost, standing = formula(name), standings().get(name)
    return {"cost": None if cost is None else str(cost), "rank": None if standing is None else standing.rank}


def _table(listed: dict[str, dict[str, str]], console: Console) -> None:
    for kind, entries in listed.items():
        if len(listed) > 1:
            console.line(f"{kind.replace('-', ' ').capitalize()}:")
        if kind == "methods":
            rows = [("method", "cost", "rank", "")]
            for name, words in entries.items():
                cost, rank = method_facts(name).values()
                rows.append((name, str(cost or "not known before"), str(rank or ""), words))
        else:
            rows = [(name, "", "", words) for name, words in entries.items()]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for row in rows:
            cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False) if width]
            console.line("  " + "  ".join([*cells, row[-1]]).rstrip())
        if kind == "methods":
            console.note(LEGEND)
        if len(listed) > 1:
            console.line()
    if listed.keys() != {"adapters"}:
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
