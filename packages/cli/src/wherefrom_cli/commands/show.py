"""``wherefrom show``: print saved attributions."""

from __future__ import annotations

import msgspec
from wherefrom.errors import UsageError
from wherefrom.evaluation.opening import is_evaluation, open_evaluation
from wherefrom.results.showing import options_known
from wherefrom_viz.console.evaluation import evaluation_view
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import open_results, require_examples
from wherefrom_cli.parser import CommandParser, Options, positive_number, setting
from wherefrom_cli.results import one_claim
from wherefrom_cli.showing import VIEWS, print_attributions


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("paths", metavar="PATH", nargs="+", help="saved files, or folders of runs; evaluations too")
    what.add(
        "-x", "--example", nargs="+", default=[], metavar="N|ID", help="only these examples, by place from 0 or by id"
    )
    what.add("--limit", type=positive_number, metavar="N", help="at most N examples of each file")
    look = parser.group("Look")
    look.add("--view", choices=VIEWS, metavar="VIEW", default="auto", help=f"{', '.join(VIEWS)} (default: what fits)")
    look.add("--aggregator", nargs="+", default=[], metavar="NAME", help="aggregators to apply first")
    look.add(
        "--set",
        type=setting,
        action="append",
        default=[],
        dest="set",
        metavar="NAME=VALUE",
        help="an option of the view, such as granularity=word; may be repeated",
    )
    look.add("--json", action="store_true", help="one JSON document instead")
    look.add("--jsonl", action="store_true", help="a header line, then one JSON line per example instead")


def execute(options: Options, console: Console) -> int:
    """Print each."""
    one_claim({"--json": options.json, "--jsonl": options.jsonl})
    if options.json or options.jsonl:
        options.refuse_idle({"view", "set"}, "standard output has the results as JSON, and no drawing")
    for path in options.paths:
        if is_evaluation(path):
            _show_evaluation(path, options, console)
            continue
        out = open_results(path, options.example, options.limit, told=console)
        for name in options.aggregator:
            out = out.aggregate(name)
        if options.json:
            console.write(out.to_json())
        elif options.jsonl:
            console.write(out.to_bytes("jsonl").decode())
        else:
            require_examples(out, path)
            if len(options.paths) > 1:
                console.line(f"{visible(path)}:")
            given = dict(options.set)
            with options_known(given, f"The view {options.view}"):
                print_attributions(out, console, view=options.view, **given)
    return ExitCode.DONE


def _show_evaluation(path: str, options: Options, console: Console) -> None:
    """Print an evaluation.

    Raises:
        UsageError: An option asks for what it has not.
    """
    asked = {
        "--example": options.example,
        "--limit": options.limit,
        "--view": options.view != "auto",
        "--aggregator": options.aggregator,
        "--set": options.set,
        "--jsonl": options.jsonl,
    }
    if given := [name for name, value in asked.items() if value]:
        raise UsageError(
            f"{path} is an evaluation, and {', '.join(given)} asks for something of attributions.\n"
            "Leave it out; --json prints the evaluation as a document."
        )
    found = open_evaluation(path)
    if options.json:
        console.line(msgspec.json.encode(found).decode())
    else:
        console.rich_console().print(evaluation_view(found))


COMMAND = Command(
    name="show",
    summary="Print saved attributions.",
    examples=(
        ("wherefrom show out.json", "as wide as the terminal allows"),
        ("wherefrom show run/ -x 12 --view topk", "one example of a run: the strongest inputs of each output"),
    ),
    configure=configure,
    execute=execute,
)
