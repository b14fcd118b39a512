"""``wherefrom convert``: from one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.files import Manifest, save_inseq, write_run
from wherefrom.results.attribution import Attributions
from wherefrom.results.publishing import told_apart

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import add_example_option, open_results, say_what_stays
from wherefrom_cli.parser import CommandParser, Options, one_of, positive_number
from wherefrom_cli.results import (
    add_public_options,
    check_ending,
    check_folder,
    check_public_options,
    check_writable,
    file_of,
    place_of,
)

FORMATS = ("wherefrom", "run", "inseq")
PRECISIONS = ("float32", "float16")


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("path", metavar="PATH", help="a saved file (inseq's too), or the folder of a run")
    add_example_option(what)
    what.add("--limit", type=positive_number, metavar="N", help="at most N examples")
    where = parser.group("Output")
    where.add(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="a name ending in .json, .jsonl or .msgpack, with .gz or .zst after it for a compressed file; "
        "-: JSON to standard output",
    )
    where.add(
        "--to",
        type=one_of(FORMATS),
        default="wherefrom",
        metavar="FORMAT",
        help="wherefrom: by the ending; run: a folder; inseq: a file that inseq 0.7.1 loads (default: wherefrom)",
    )
    where.add(
        "--scores-precision",
        choices=PRECISIONS,
        default="float32",
        metavar="TYPE",
        help="float32, or float16 for half the size",
    )
    add_public_options(where)
    where.add("--overwrite", action="store_true", help="replace what is there")


def execute(options: Options, console: Console) -> int:
    """Read one, write the other."""
    check_public_options(options)
    _check_output(options)
    out = open_results(options.path, options.example, options.limit, told=console)
    say_what_stays([options.path], console)
    if options.public:
        out = out.public(options.without)
    if options.to == "run":
        source = Path(options.path).name if options.public else str(options.path)
        manifest = Manifest(settings={"converted from": source}, total=len(out), provenance=out.provenance)
        named = _with_own_ids(out)
        if renamed := sum(one.id != other.id for one, other in zip(out, named, strict=True)):
            console.note(
                f"note: ids that are there twice are numbered, as in 'x (2)': {renamed} of {len(out)} examples."
            )
        write_run(
            Path(options.output),
            named,
            manifest,
            overwrite=options.overwrite,
            scores_precision=options.scores_precision,
        )
    else:
        with place_of(options.output, console) as path:
            if options.to == "inseq":
                save_inseq(out, path, overwrite=options.overwrite)
            else:
                out.save(path, options.overwrite, scores_precision=options.scores_precision)
    console.note(f"Wrote {len(out)} examples to {options.output}.")
    return ExitCode.DONE


def _check_output(options: Options) -> None:
    """Refuse before the work what cannot be written.

    Raises:
        UsageError: The name does not fit the format, the format has no such precision, or something is there.
    """
    path = file_of(options.output)
    if options.to == "run":
        if path is None:
            raise UsageError("A run is a folder, and - means standard output.\nGive the folder a name.")
        check_folder(path, overwrite=options.overwrite)
        return
    if options.to == "inseq":
        if options.scores_precision != "float32":
            raise UsageError(
                f"--scores-precision {options.scores_precision} is for our own formats: inseq's has one precision.\n"
                "Leave it out, or write --to wherefrom."
            )
        check_ending(path, endings=(".json",), behind=(".gz",))
    else:
        check_ending(path)
    check_writable(path, overwrite=options.overwrite)


def _with_own_ids(out: Attributions) -> Attributions:
    """The same with no id twice, as a run needs them; the first example of an id keeps it."""
    first: dict[str | None, int] = {}
    places = [first.setdefault(one.id, place) for place, one in enumerate(out)]
    names: list[Any] = [one.id if places[place] == place else place for place, one in enumerate(out)]
    ids = told_apart(names, [one.id for one in out])
    return out.replace(
        sequence_attributions=tuple(
            one if one.id in (None, name) else one.replace(id=name) for one, name in zip(out, ids, strict=True)
        )
    )


COMMAND = Command(
    name="convert",
    summary="From one file format to another; inseq's files are read and written.",
    examples=(
        ("wherefrom convert inseq_out.json -o out.json", "a file of inseq's (plain or gzip) into ours"),
        ("wherefrom convert out.json -o inseq_out.json --to inseq", "and back"),
        ("wherefrom convert run/ -o run.jsonl.gz --scores-precision float16", "a run as one small file"),
    ),
    configure=configure,
    execute=execute,
)
