"""``wherefrom export``: pages, figures and tables of saved attributions."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from wherefrom.errors import UsageError
from wherefrom.files import Run, open_run
from wherefrom.files.wire.bytes import write_whole
from wherefrom.results.attribution import Attributions
from wherefrom.results.rendering import DRAWN
from wherefrom.results.showing import options_known
from wherefrom.results.tables import TABLES

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import add_example_option, open_results, require_examples, say_what_failed
from wherefrom_cli.parser import CommandParser, Options, one_of, positive_number, setting
from wherefrom_cli.results import add_public_options, check_public_options, check_writable, file_of
from wherefrom_cli.showing import drawn

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
    add_example_option(what)
    what.add("--limit", type=positive_number, metavar="N", help="at most N examples")
    where = parser.group("Output")
    where.add(
        "-o",
        "--output",
        metavar="FILE",
        help=f"its ending says what: {', '.join([*DRAWN, *TABLES])}; -: standard output",
    )
    where.add(
        "--site",
        metavar="DIR",
        help="instead of a file: a folder of static files that any web server shows, for runs of any size",
    )
    where.add(
        "--frames",
        metavar="DIR",
        help="instead of a file: a folder of SVGs, one for each output token of the (first) example",
    )
    where.add(
        "--animate", action="store_true", help="-o FILE.svg: the outputs one after the other, in one file that plays"
    )
    add_public_options(where)
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
    where.add("--overwrite", action="store_true", help="replace the file, the site or the frames that are there")


def execute(options: Options, console: Console) -> int:
    """Write the file, or the site."""
    with options_known(dict(options.set), "What is drawn"):
        return _export(options, console)


def _export(options: Options, console: Console) -> int:
    check_public_options(options)
    if sum(place is not None for place in (options.output, options.site, options.frames)) != 1:
        raise UsageError(
            "Say where to write: -o FILE, --site DIR for a folder of static files, or --frames DIR for SVGs."
        )
    if options.output is None and (options.to or options.steps or options.raw or options.animate):
        raise UsageError("--to, --steps, --raw and --animate are for files.\nLeave them out, or write to -o FILE.")
    if options.site is not None:
        return _write_site(options, console)
    if options.frames is not None:
        from wherefrom_viz.figures import save_frames

        files = save_frames(_chosen(options, console), options.frames, overwrite=options.overwrite, **dict(options.set))
        console.note(f"Wrote {len(files)} frames to {options.frames}.")
        return ExitCode.DONE
    output = str(options.output)
    path = file_of(output)
    ending = FORMATS[options.to] if options.to else (path.suffix.lower() if path else "")
    if ending not in DRAWN and ending not in TABLES:
        raise UsageError(
            f"{options.output!r} does not say what to write.\n"
            f"End the name in {', '.join([*DRAWN, *TABLES])}, or add --to FORMAT."
        )
    if ending in TABLES:
        options.refuse_idle({"set"}, "a table has no options of a figure")
    else:
        options.refuse_idle({"steps", "raw"}, f"they are for tables ({', '.join(TABLES)})")
    if options.animate and ending != ".svg":
        raise UsageError("--animate makes an SVG that plays.\nEnd the name in .svg.")
    check_writable(path, overwrite=options.overwrite)
    out = _chosen(options, console)
    if ending in TABLES:
        _tabulate(
            out if options.raw else out.aggregate(), ending, path, steps=options.steps, options=options, console=console
        )
    elif options.animate:
        from wherefrom_viz.figures import render_animation

        _deliver(render_animation(out, **dict(options.set)).encode("utf-8"), ending, path, options, console)
    else:
        _deliver(drawn(out, ending, **dict(options.set)), ending, path, options, console)
    if path is not None:
        from wherefrom_viz.describe.numbers import file_size

        console.note(f"Wrote {path} ({file_size(path.stat().st_size)}).")
    return ExitCode.DONE


def _chosen(options: Options, console: Console) -> Attributions:
    """The examples that were asked for, as they are to be drawn."""
    out = open_results(options.path, options.example, options.limit, told=console)
    require_examples(out, options.path)
    for name in options.aggregator:
        out = out.aggregate(name)
    return out.public(options.without) if options.public else out


def _write_site(options: Options, console: Console) -> int:
    from wherefrom_viz.page import save_site

    from wherefrom_cli.progress import ProgressLine

    results: Run | Attributions
    if Path(options.path).is_dir() and not options.example:
        run = open_run(options.path)
        say_what_failed(run, console)
        results = run if options.limit is None else run[: options.limit]
    else:
        results = open_results(options.path, options.example, options.limit)
    require_examples(results, options.path)
    written = 0

    def packed(done: int, total: int) -> None:
        nonlocal written
        written = done
        line("packing", done, total)

    with ProgressLine(console=console) as line:
        folder = save_site(
            results,
            options.site,
            aggregators=options.aggregator,
            public=options.public,
            without=options.without,
            overwrite=options.overwrite,
            progress=packed,
            **dict(options.set),
        )
    from wherefrom_viz.describe.numbers import file_size

    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    console.note(
        f"Wrote {written:,} examples to {folder} ({file_size(size)}).\n"
        f"See it: python -m http.server --directory {shlex.quote(str(folder))} --bind 127.0.0.1"
    )
    return ExitCode.DONE


def _tabulate(
    out: Attributions, ending: str, path: Path | None, *, steps: bool, options: Options, console: Console
) -> None:
    if path is not None and path.suffix.lower() == ending:
        out.save_table(path, options.overwrite, steps=steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"table{ending}"
        out.save_table(made, steps=steps)
        if path is not None:
            write_whole(path, [made.read_bytes()], overwrite=options.overwrite)
        else:
            console.content(made.read_bytes())


def _deliver(content: bytes, ending: str, path: Path | None, options: Options, console: Console) -> None:
    if path is not None:
        write_whole(path, [content], overwrite=options.overwrite)
    else:
        console.content(content)


COMMAND = Command(
    name="export",
    summary="Write saved attributions as a page, a figure or a table.",
    examples=(
        ("wherefrom export out.json -o out.html", "one self-contained page"),
        ("wherefrom export out.json -o figure.svg -x 0 --set palette=orange-blue", "a figure for a paper"),
        ("wherefrom export run/ -o scores.parquet", "every score as a row"),
        ("wherefrom export run/ --site site/ --public", "a run of any size for a web server, without paths"),
    ),
    configure=configure,
    execute=execute,
)
