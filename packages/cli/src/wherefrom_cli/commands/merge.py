"""``wherefrom merge``: several saved files as one."""

from __future__ import annotations

from pathlib import Path

from wherefrom.errors import UsageError
from wherefrom.files.wire.documents import example_line
from wherefrom.results import merge_attributions
from wherefrom.results.attribution import Attributions

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import open_results, say_what_stays, some_of
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
    out = _each_once(merge_attributions([open_results(each, told=console) for each in options.paths]), console)
    say_what_stays(options.paths, console)
    with place_of(options.output, console) as place:
        out.save(place, options.overwrite)
    console.note(f"Wrote {len(out)} examples of {len(options.paths)} files to {options.output}.")
    return ExitCode.DONE


def _each_once(out: Attributions, console: Console) -> Attributions:
    """The same without examples whose id and content another has, too; they, and others that share an id, are told."""
    kept: list[int] = []
    by_id: dict[str, list[int]] = {}
    copies, namesakes = [], []
    examples = out.sequence_attributions
    for place, one in enumerate(examples):
        earlier = [] if one.id is None else by_id.setdefault(one.id, [])
        if any(example_line(examples[before]) == example_line(one) for before in earlier):
            copies.append(str(one.id))
            continue
        if earlier:
            namesakes.append(str(one.id))
        earlier.append(place)
        kept.append(place)
    if copies:
        console.warn(f"{_there(copies, 'again with the same content, and left out')}: {some_of(copies)}.")
    if namesakes:
        console.warn(
            f"{_there(namesakes, 'again with another content, and kept')}: {some_of(namesakes)}. Those of one id are "
            "asked for by number (-x '#1')."
        )
    return out.at(kept) if copies else out


def _there(names: list[str], how: str) -> str:
    return f"{len(names)} {'examples are' if len(names) > 1 else 'example is'} there {how}"


COMMAND = Command(
    name="merge",
    summary="Several saved files of one model and method as one, the shards of a data set for example.",
    examples=(("wherefrom merge shard-1/ shard-2/ -o all.jsonl", "two shards"),),
    configure=configure,
    execute=execute,
)
