"""Where results go: a file, one JSON document, lines of JSON, or a drawing in the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from attrs import frozen
from wherefrom.errors import UsageError
from wherefrom.files.wire.bytes import refuse_existing
from wherefrom.files.writing_runs import occupied_by
from wherefrom.settings import require_folder

from wherefrom_cli.console import Console
from wherefrom_cli.parser import OptionGroup, Options
from wherefrom_cli.showing import VIEWS, print_attributions, write_html

if TYPE_CHECKING:
    from wherefrom import Attributions

ENDINGS = (".json", ".jsonl", ".msgpack")
"""Of files of attributions."""
COMPRESSIONS = (".gz", ".zst")
STDOUT = "-"
"""What stands for standard output where a file is named."""

_LARGE = 10_000_000
"""Bytes from which the size of a saved file is told."""


@frozen(kw_only=True)
class Destination:
    """What is to be done with a result."""

    path: Path | None = None
    viz_path: Path | None = None
    overwrite: bool = False
    json: bool = False
    jsonl: bool = False
    hide: bool = False
    view: str = "auto"

    @property
    def machine(self) -> bool:
        """Does a program read stdout?"""
        return self.json or self.jsonl


def add_output_options(group: OptionGroup) -> None:
    """Where the result goes."""
    group.add(
        "-o",
        "--save-path",
        metavar="FILE",
        help="save to .json, .json.gz, .json.zst or .jsonl; -: JSON to standard output",
    )
    group.add("--overwrite", action="store_true", help="replace the file if it is there")
    group.add("--json", action="store_true", help="one JSON document on standard output, nothing else")
    group.add("--jsonl", action="store_true", help="a header line, then one JSON line per example on standard output")
    group.add(
        "--view",
        choices=VIEWS,
        metavar="VIEW",
        default="auto",
        help=f"how to show it: {', '.join(VIEWS)} (default: what fits)",
    )
    group.flag("--hide-attributions", "--hide", help="show nothing")
    group.add("--viz-path", metavar="FILE", help="write an HTML page, too")


def add_public_options(group: OptionGroup) -> None:
    """What a copy that is given away has not."""
    group.add("--public", action="store_true", help="leave out paths of this machine and the time of day")
    group.add(
        "--without",
        nargs="+",
        default=[],
        metavar="NAME",
        help="with --public: leave out more, such as generation_args, model.revision, annotations or id",
    )


def check_public_options(options: Options) -> None:
    """Refuse what says nothing.

    Raises:
        UsageError: ``--without`` is given without ``--public``.
    """
    if options.without and not options.public:
        raise UsageError("--without says what a public copy has not.\nAdd --public.")


def destination(options: Options) -> Destination:
    """Where the options send the result.

    Raises:
        UsageError: They exclude each other, or a file would be replaced.
    """
    one_claim({"--json": options.json, "--jsonl": options.jsonl})
    where = Destination(
        path=file_of(options.save_path),
        viz_path=Path(options.viz_path) if options.viz_path else None,
        overwrite=options.overwrite,
        json=options.json or (options.save_path == STDOUT and not options.jsonl),
        jsonl=options.jsonl,
        hide=options.hide_attributions,
        view=options.view,
    )
    refuse_idle_views(options, machine=where.machine)
    check_ending(where.path)
    check_places([("-o", where.path), ("--viz-path", where.viz_path)], overwrite=where.overwrite)
    return where


def refuse_idle_views(options: Options, *, machine: bool) -> None:
    """Refuse what is drawn how, where a program reads standard output.

    Raises:
        UsageError: One says so on the command line.
    """
    if machine:
        options.refuse_idle({"view", "hide_attributions"}, "standard output has the results as JSON, and no drawing")


def refuse_lines_of_a_plan(options: Options) -> None:
    """Raise: UsageError: A plan, which is text or one document, is asked for as lines."""
    if options.dry_run:
        options.refuse_idle({"jsonl"}, "--dry-run prints text, or one document with --json")


def file_of(name: str | None) -> Path | None:
    """The file that an option names; None: it names none, or standard output."""
    return Path(name) if name and name != STDOUT else None


def one_claim(claims: Mapping[str, object]) -> None:
    """Refuse that several have standard output, where one would be left out in silence.

    Args:
        claims: Options, and whether each was given.

    Raises:
        UsageError: More than one was.
    """
    made = [name for name, claimed in claims.items() if claimed]
    if len(made) > 1:
        raise UsageError(
            f"{', '.join(made[:-1])} and {made[-1]} exclude each other: one can have standard output.\nChoose one."
        )


@contextmanager
def place_of(name: str, console: Console, *, ending: str = ".json") -> Iterator[Path]:
    """Where to write what an option names: the file; or one whose content goes to standard output afterwards.

    Args:
        ending: Of that one.
    """
    if (path := file_of(name)) is not None:
        yield path
        return
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"out{ending}"
        yield made
        console.content(made.read_bytes())


def check_writable(path: Path | None, *, overwrite: bool) -> None:
    """Refuse before the work what would fail after it.

    Raises:
        UsageError: The file exists, or its folder does not; or the name is a folder's, a device's or standard output's.
    """
    if path is None:
        return
    if str(path) == STDOUT:
        raise UsageError("- means standard output, and this goes to a file.\nGive the file another name.")
    refuse_existing(path, overwrite=True)
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already.\nAdd --overwrite to replace it, or choose another name.")


def check_places(places: Iterable[tuple[str, Path | None]], *, overwrite: bool) -> None:
    """`check_writable` for every file that a command makes, and refuse two of one name: the second would replace the
    first.

    Args:
        places: Options, and the file or folder that each names.

    Raises:
        UsageError: A file cannot be written, or two are the same.
    """
    check_apart(places := list(places))
    for _, path in places:
        check_writable(path, overwrite=overwrite)


def check_apart(places: Iterable[tuple[str, Path | None]]) -> None:
    """Raise: UsageError: Two options name the same file or folder, whichever way it is spelt."""
    taken: dict[Path, str] = {}
    for option, path in places:
        if path is None:
            continue
        if (place := path.resolve()) in taken:
            both = f"{taken[place]} and {option}" if taken[place] != option else f"{option} twice"
            raise UsageError(
                f"{path} is named by {both}, and one would replace the other.\nGive each a name of its own."
            )
        taken[place] = option


def check_folder(path: Path, *, overwrite: bool, instead: str = "Add --overwrite to replace it") -> None:
    """Refuse before the work a place where no run can go.

    Args:
        instead: What to do about a run that is there.

    Raises:
        UsageError: It is a file; or there is a run, or a folder that is not empty, and nobody said to write there.
    """
    require_folder("The folder of the run", path)
    what = occupied_by(path)
    if what == "run" and not overwrite:
        raise UsageError(f"{path} holds a run already.\n{instead}, or choose another folder.")
    if what and not overwrite:
        raise UsageError(
            f"The folder {path} is not empty.\n"
            "Choose another one, or add --overwrite to put a run beside what is in it."
        )


def check_ending(path: Path | None, *, endings: Sequence[str] = ENDINGS, behind: Sequence[str] = COMPRESSIONS) -> None:
    """Refuse a name that does not say what is written.

    Args:
        endings: What it may end in.
        behind: What may come after that.

    Raises:
        UsageError: It ends in something else.
    """
    if path is None:
        return
    also = f", with {' or '.join(behind)} behind it if you like" if behind else ""
    inner = path.with_suffix("") if path.suffix.lower() in behind else path
    if inner.suffix.lower() not in endings:
        raise UsageError(
            f"{str(path)!r} does not say what to write.\n"
            f"End the name in {', '.join(endings)}{also}.\n"
            "`wherefrom export` makes pages, figures and tables of what is saved."
        )


def write_results(out: Attributions, where: Destination, console: Console) -> None:
    """Save, print, and say where it went."""
    if where.path is not None:
        out.save(where.path, overwrite=where.overwrite)
    if where.viz_path is not None:
        write_html(out, where.viz_path, overwrite=where.overwrite)
    if where.json:
        console.write(out.to_json())
    elif where.jsonl:
        console.content(out.to_bytes("jsonl"))
    elif not where.hide:
        print_attributions(out, console, view=where.view)
    if where.path is not None:
        from wherefrom_viz.describe.numbers import file_size  # with NumPy: once there is a result

        size = where.path.stat().st_size
        large = f" ({file_size(size)})" if size >= _LARGE else ""
        console.note(
            f"Saved {len(out)} attribution{'s' if len(out) != 1 else ''} to {where.path}{large}. "
            f"Look again: wherefrom show {shlex.quote(str(where.path))}"
        )
        if large and any(one.dimensions for one in out):
            console.note("Most of it are layers, heads or width; --aggregate-output saves one number per cell.")
    if where.viz_path is not None:
        console.note(f"Wrote {where.viz_path}.")
