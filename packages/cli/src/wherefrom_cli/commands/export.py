"""``wherefrom export``: pages, figures and tables of saved attributions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.results.attribution import Attributions

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import open_results
from wherefrom_cli.parser import CommandParser, Options, one_of, positive_number, setting
from wherefrom_cli.results import check_writable
from wherefrom_cli.showing import DRAWN, drawn

TABLES = (".csv", ".tsv", ".parquet")
FORMATS = {
    **{ending.removeprefix("."): ending for ending in (*DRAWN, *TABLES)},
    "markdown": ".md",
    "latex": ".tex",
    "text": ".txt",
}


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("path", metavar="PATH", help="a saved file, or the folder of a run")
    what.add(
        "-x", "--example", nargs="+", default=[], metavar="N|ID", help="only these examples, by place from 0 or by id"
    )
    what.add("--limit", type=positive_number, metavar="N", help="at most N examples")
    where = parser.group("Output")
    where.add(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help=f"its ending says what: {', '.join([*DRAWN, *TABLES])}; -: standard output",
    )
    where.add("--to", type=one_of(FORMATS), metavar="FORMAT", help="what to write, where the name does not say")
    where.add("--aggregator", nargs="+", default=[], metavar="NAME", help="aggregators to apply first")
    where.add(
        "--set",
        type=setting,
        action="append",
        default=[],
        dest="set",
        metavar="NAME=VALUE",
        help="an option of the figure, such as palette=orange-blue; may be repeated",
    )
    where.add("--steps", action="store_true", help="tables: a row per output token and its step scores, not per score")
    where.add("--raw", action="store_true", help="tables: scores as they are, not aggregated first")
    where.add("--overwrite", action="store_true", help="replace the file if it is there")


def execute(options: Options, console: Console) -> int:
    """Write the file."""
    path = None if options.output == "-" else Path(options.output)
    ending = FORMATS[options.to] if options.to else (path.suffix if path else "")
    if ending not in DRAWN and ending not in TABLES:
        raise UsageError(
            f"{options.output!r} does not say what to write.\n"
            f"End the name in {', '.join([*DRAWN, *TABLES])}, or add --to FORMAT."
        )
    check_writable(path, overwrite=options.overwrite)
    out = open_results(options.path, options.example, options.limit)
    for name in options.aggregator:
        out = out.aggregate(name)
    if ending in TABLES:
        _tabulate(
            out if options.raw else out.aggregate(), ending, path, steps=options.steps, options=options, console=console
        )
    else:
        _draw(out, ending, path, dict(options.set), console)
    if path is not None:
        console.note(f"Wrote {path} ({path.stat().st_size / 1000:.0f} kB).")
    return ExitCode.DONE


def _tabulate(
    out: Attributions, ending: str, path: Path | None, *, steps: bool, options: Options, console: Console
) -> None:
    if path is not None and path.suffix == ending:
        out.save_table(path, options.overwrite, steps=steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"table{ending}"
        out.save_table(made, steps=steps)
        if path is not None:
            path.write_bytes(made.read_bytes())
        elif ending == ".parquet":
            console.stdout.buffer.write(made.read_bytes())
        else:
            console.write(made.read_text(encoding="utf-8"))


def _draw(out: Attributions, ending: str, path: Path | None, options: dict[str, Any], console: Console) -> None:
    content = drawn(out, ending, **options)
    if path is not None:
        path.write_bytes(content)
    elif ending == ".png":
        console.stdout.buffer.write(content)
    else:
        console.write(content.decode("utf-8"))


COMMAND = Command(
    name="export",
    summary="Write saved attributions as a page, a figure or a table.",
    examples=(
        ("wherefrom export out.json -o out.html", "one self-contained page"),
        ("wherefrom export out.json -o figure.svg -x 0 --set palette=orange-blue", "a figure for a paper"),
        ("wherefrom export run/ -o scores.parquet", "every score as a row"),
    ),
    configure=configure,
    execute=execute,
)
