"""``wherefrom merge``: several saved files as one."""

from __future__ import annotations

from pathlib import Path

from wherefrom.errors import UsageError
from wherefrom.results import merge_attributions

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import open_results, say_what_stays
from wherefrom_cli.parser import CommandParser, Options
from wherefrom_cli.results import check_ending, check_writable, file_of, place_of


def configure(parser: CommandParser) -> None:
    """Add the options."""
    parser.group("What").add("paths", metavar="PATH", nargs="+", help="saved files, or folders of runs, such as shards")
    where = parser.group("Output")
    where.add(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="the file to write: .json, .jsonl or .msgpack; -: JSON to standard output",
    )
    where.add("--overwrite", action="store_true", help="replace the file if it is there")


def execute(options: Options, console: Console) -> int:
    """Read all, write one."""
    path = file_of(options.output)
    check_ending(path)
    check_writable(path, overwrite=options.overwrite)
    places = [Path(each).resolve() for each in options.paths]
    if twice := [each for each, place in zip(options.paths, places, strict=True) if places.count(place) > 1]:
        raise UsageError(f"{twice[0]} is given twice, so its examples would be there twice.\nGive each file once.")
    out = merge_attributions([open_results(each, told=console) for each in options.paths])
    say_what_stays(options.paths, console)
    with place_of(options.output, console) as place:
        out.save(place, options.overwrite)
    console.note(f"Wrote {len(out)} examples of {len(options.paths)} files to {options.output}.")
    return ExitCode.DONE


COMMAND = Command(
    name="merge",
    summary="Several saved files of one model and method as one, the shards of a data set for example.",
    examples=(("wherefrom merge shard-1/ shard-2/ -o all.jsonl", "two shards"),),
    configure=configure,
    execute=execute,
)
