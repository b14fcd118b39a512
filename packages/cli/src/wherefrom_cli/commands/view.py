"""``wherefrom view``: browse saved attributions in the terminal."""

from __future__ import annotations

from pathlib import Path

from wherefrom.errors import UsageError
from wherefrom.evaluation.opening import is_evaluation, open_evaluation
from wherefrom_viz.browser import browse, browse_evaluation

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.parser import CommandParser, Options


def configure(parser: CommandParser) -> None:
    """Add the options."""
    parser.group("What").add(
        "paths", metavar="PATH", nargs="*", help="saved files, or folders of runs; or one evaluation"
    )


def execute(options: Options, console: Console) -> int:
    """Start the browser."""
    if not console.stdout.isatty() or not console.stdin.isatty():
        raise UsageError(
            "`wherefrom view` needs a terminal.\nIn a pipe use `wherefrom show`, or `wherefrom export` for a page."
        )
    for path in options.paths:
        if not Path(path).exists():
            raise UsageError(
                f"There is nothing at {path!r}.\nGive a saved file (.json, .jsonl) or the folder of a run."
            )
    evaluations = [path for path in options.paths if is_evaluation(path)]
    if evaluations and len(options.paths) > 1:
        raise UsageError(f"{evaluations[0]} is an evaluation, which is looked at alone.\nGive it without other files.")
    if evaluations:
        browse_evaluation(open_evaluation(evaluations[0]))
        return ExitCode.DONE
    browse(options.paths)
    return ExitCode.DONE


COMMAND = Command(
    name="view",
    summary="Browse saved attributions in the terminal.",
    examples=(
        ("wherefrom view run/", "a run, while it grows too"),
        ("wherefrom view a.json b.json", "two files, to compare"),
    ),
    configure=configure,
    execute=execute,
)
