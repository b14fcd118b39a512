"""``wherefrom show``: print saved attributions."""

from __future__ import annotations

import msgspec
from rich.console import RenderableType
from wherefrom.errors import UsageError
from wherefrom.evaluation import Evaluation
from wherefrom.evaluation.opening import is_evaluation, open_evaluation
from wherefrom.results.attribution import Attributions
from wherefrom.results.showing import options_known
from wherefrom_viz.console import console_view
from wherefrom_viz.console.evaluation import evaluation_view
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import add_example_option, open_results, require_examples
from wherefrom_cli.parser import CommandParser, Options, positive_number, setting
from wherefrom_cli.results import one_claim
from wherefrom_cli.showing import VIEWS


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("paths", metavar="PATH", nargs="+", help="saved files, or folders of runs; evaluations too")
    add_example_option(what)
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
    look.add("--json", action="store_true", help="one JSON document instead; of several files a list")
    look.add("--jsonl", action="store_true", help="of each file a header line, then a JSON line per example")


def execute(options: Options, console: Console) -> int:
    """Open all, then print each."""
    one_claim({"--json": options.json, "--jsonl": options.jsonl})
    if options.json or options.jsonl:
        options.refuse_idle({"view", "set"}, "standard output has the results as JSON, and no drawing")
    opened = [(path, _opened(path, options, console)) for path in options.paths]
    if options.json:
        documents = [_document(one) for _, one in opened]
        console.write(f"[{','.join(documents)}]\n" if len(documents) > 1 else documents[0])
    elif options.jsonl:
        for _, one in opened:
            if isinstance(one, Attributions):
                console.write(one.to_bytes("jsonl").decode())
    else:
        views = [(path, _view(path, one, options)) for path, one in opened]
        for path, view in views:
            if len(views) > 1:
                console.line(f"{visible(path)}:")
            console.rich_console().print(view)
    return ExitCode.DONE


def _opened(path: str, options: Options, console: Console) -> Attributions | Evaluation:
    """What is saved there, as far as it is asked for.

    Raises:
        UsageError: Nothing is, or an option asks of an evaluation what it has not.
    """
    if is_evaluation(path):
        _refuse_options_of_attributions(path, options)
        return open_evaluation(path)
    out = open_results(path, options.example, options.limit, told=console)
    for name in options.aggregator:
        out = out.aggregate(name)
    return out


def _refuse_options_of_attributions(path: str, options: Options) -> None:
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


def _document(one: Attributions | Evaluation) -> str:
    return one.to_json() if isinstance(one, Attributions) else msgspec.json.encode(one).decode() + "\n"


def _view(path: str, one: Attributions | Evaluation, options: Options) -> RenderableType:
    """It as a drawing for the terminal."""
    if isinstance(one, Evaluation):
        return evaluation_view(one)
    require_examples(one, path)
    given = dict(options.set)
    with options_known(given, f"The view {options.view}", given=("view",)):
        return console_view(one, view=options.view, **given)


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
