"""What the commands that measure share: where evaluations go, and how they are shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
from wherefrom.errors import UsageError
from wherefrom.evaluation import Evaluation
from wherefrom.files.wire.bytes import write_whole
from wherefrom.methods.cost import Cost
from wherefrom_viz.console.evaluation import evaluation_view
from wherefrom_viz.page.evaluation import render_evaluation_html

from wherefrom_cli.console import Console
from wherefrom_cli.parser import OptionGroup, Options
from wherefrom_cli.results import check_places

PAGE = (".html", ".htm")


def add_evaluation_output(group: OptionGroup) -> None:
    """The options of where an evaluation goes."""
    group.add(
        "-o", "--output", nargs="+", default=[], metavar="FILE", help="write an evaluation (.json) or a page (.html)"
    )
    group.add("--overwrite", action="store_true", help="replace files that are there")
    group.add("--no-curves", action="store_true", help="leave the curves out of what is printed")
    group.add("--json", action="store_true", help="print one JSON document")
    group.add("--dry-run", action="store_true", help="only say what it would cost")


def cost_line(cost: Cost) -> str:
    """The cost as a sentence."""
    return f"This takes {cost}."


def check_outputs(options: Options, *more: tuple[str, Path | None]) -> None:
    """Refuse places where an evaluation cannot go.

    Args:
        more: Other options that name a file to write, and the file.

    Raises:
        UsageError: A name says neither JSON nor page, the file is there, or two are the same.
    """
    if options.dry_run:
        options.refuse_idle({"json"}, "what it would cost is told in a line of text")
    paths = [Path(name) for name in options.output]
    for path in paths:
        if path.suffix.lower() not in (".json", *PAGE):
            raise UsageError(f"{path} says neither .json nor .html.\nAn evaluation is saved as one of them.")
    check_places([*(("-o", path) for path in paths), *more], overwrite=options.overwrite)


def write_evaluation(found: Evaluation, options: Options, console: Console) -> None:
    """Save an evaluation wherever it shall go."""
    for path in map(Path, options.output):
        if path.suffix.lower() in PAGE:
            write_whole(path, [render_evaluation_html(found).encode()], overwrite=options.overwrite)
        else:
            found.save(path, overwrite=options.overwrite)
        console.note(f"Written: {path}")


def show_evaluation(found: Evaluation, options: Options, console: Console) -> None:
    """Print an evaluation."""
    if options.json:
        console.line(msgspec.json.encode(found).decode())
    else:
        console.rich_console().print(evaluation_view(found, curves=not options.no_curves))
