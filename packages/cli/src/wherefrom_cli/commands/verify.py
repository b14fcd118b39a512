"""``wherefrom verify``: methods against models whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
from rich.text import Text
from wherefrom.errors import UsageError
from wherefrom.evaluation.bench import method_of_spec
from wherefrom.evaluation.verify import Verdict, verify_all
from wherefrom.methods.contract import METHODS
from wherefrom_viz.console.bands import NamedRow, bands
from wherefrom_viz.console.plain import whole

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.plugins import add_plugin_option, load_plugins
from wherefrom_cli.progress import ProgressLine
from wherefrom_cli.results import one_claim

NOTHING = "dummy"
"""The method that attributes nothing."""


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add(
        "--method",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="names, with settings if need be: occlusion[baseline=delete] (default: those of the plugins, or all)",
    )
    add_plugin_option(what)
    what.add("--truths", nargs="+", default=[], metavar="NAME", help="only these known answers")
    output = parser.group("Output")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--markdown", action="store_true", help="a table for a document")


def execute(options: Options, console: Console) -> int:
    """Ask each method, tell the verdicts; a method that fails where nothing excuses it is an exit status of 3."""
    one_claim({"--json": options.json, "--markdown": options.markdown})
    before = set(METHODS)
    load_plugins(options.plugin)
    own = [name for name in METHODS if name not in before]
    if options.plugin and not options.method and not own:
        raise UsageError("The plugins register no method.\nName one with --method, or register it when imported.")
    names = list(options.method) or own or [name for name in METHODS if name != NOTHING]
    methods = {name: method_of_spec(name) for name in names}
    with ProgressLine(console=console) as progress:
        told = verify_all(methods, truths=options.truths or None, progress=progress)
    verdicts = {name: [one for one in told if one.method == name] for name in methods}
    if options.json:
        plain = msgspec.to_builtins(told)
        console.line(json.dumps(plain, indent=2, ensure_ascii=False))
    elif options.markdown:
        for line in markdown(verdicts):
            console.line(line)
    else:
        terminal = console.rich_console()
        for drawn in table(verdicts, terminal.width):
            terminal.print(whole(drawn, terminal.options))
        for name, found in verdicts.items():
            for one in found:
                if one.passed is False and one.why:
                    console.note(f"{name}, {one.truth}: {one.why}")
    failed = any(one.passed is False for found in verdicts.values() for one in found)
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE


def table(verdicts: dict[str, list[Verdict]], width: int) -> Iterator[Text]:
    """Methods by known answers, of which as many stand side by side as fit."""
    truths = [one.truth for one in next(iter(verdicts.values()))]
    rows = [NamedRow(name=name, numbers=[_cell(one) for one in found]) for name, found in verdicts.items()]
    yield from bands("method", truths, rows, width)


def markdown(verdicts: dict[str, list[Verdict]]) -> list[str]:
    """The same as a table of Markdown."""
    truths = [one.truth for one in next(iter(verdicts.values()))]
    lines = ["| method | " + " | ".join(truths) + " |", "|---" * (len(truths) + 1) + "|"]
    for name, found in verdicts.items():
        cells = [word(one).replace("fail", "**fail**") for one in found]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return lines


def word(verdict: Verdict) -> str:
    """One verdict in a word and a number; a dash where it was not asked, and what gave no answer but a reason."""
    if verdict.passed is None:
        return "–"
    if verdict.passed is False and verdict.value is None and verdict.why:
        return "refuses"
    return f"{'pass' if verdict.passed else 'fail'} {_number(verdict)}".strip()


def _number(verdict: Verdict) -> str:
    return "" if verdict.value is None else f"{verdict.value:.4g}"


def _cell(verdict: Verdict) -> Text:
    style = {True: "green", False: "bold red", None: "dim"}[verdict.passed]
    return Text(word(verdict), style=style)


COMMAND = Command(
    name="verify",
    summary="Methods, ours or yours, against models whose answer is known: pass or fail, with the numbers.",
    examples=(
        ("wherefrom verify", "every method"),
        ("wherefrom verify --method occlusion 'lime[n_samples=200]'", "two of them"),
        ("wherefrom verify --plugin my_method.py", "what your module registers"),
    ),
    configure=configure,
    execute=execute,
)
