"""Opening saved results: a file of one, a file of many, or the folder of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from pathlib import Path

from wherefrom.context import is_context_file
from wherefrom.errors import UsageError
from wherefrom.files import Run, load, open_run
from wherefrom.files.wire.bytes import file_named
from wherefrom.questions.numbering import example_mark, place_of_mark
from wherefrom.results.attribution import Attributions
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.console import Console
from wherefrom_cli.parser.command_parser import OptionGroup


def add_example_option(group: OptionGroup) -> None:
    """Add the option that chooses examples of what is saved; see `chosen`."""
    group.add(
        "-x",
        "--example",
        nargs="+",
        default=[],
        metavar="#N|N|ID",
        help="only these examples: by number as shown, in quotes ('#1' is the first), by place from 0, or by id",
    )


def open_results(
    path: str | Path, wanted: Sequence[str] = (), limit: int | None = None, *, told: Console | None = None
) -> Attributions:
    """What is saved at ``path``, or some of its examples; of a run only those are read.

    Args:
        wanted: Examples by id, by number (``#2``, as shown) or by place (from 0; negative counts from the end), see
            `chosen`; none: all.
        limit: At most so many.
        told: Where it is said that examples of a run failed, unless some are asked for by name.

    Raises:
        UsageError: Nothing is there, no example of that place or id, or one that failed.
        FileFormatError: It is damaged, foreign or newer than we are.
    """
    saved = open_saved(path)
    if isinstance(saved, Run) and told is not None and not wanted:
        say_what_failed(saved, told)
    return taken(saved, wanted, limit)


def open_saved(path: str | Path) -> Run | Attributions:
    """What is saved at ``path``: a file's results, or a run of which no example is read yet.

    Raises:
        UsageError: Nothing is there.
        FileFormatError: It is damaged, foreign or newer than we are.
    """
    if not file_named(path).exists():
        raise UsageError(
            f"There is nothing at {str(path)!r}.\nGive a saved file (.json, .jsonl) or the folder of a run."
        )
    return open_run(path) if Path(path).is_dir() else load(path)


def taken(saved: Run | Attributions, wanted: Sequence[str] = (), limit: int | None = None) -> Attributions:
    """Some examples of what was opened, or all; arguments and errors as of `open_results`."""
    if isinstance(saved, Run):
        if not wanted:
            return saved[:limit].load()
        places = chosen(ids_of(saved), wanted, limit, saved.failures)
        return Attributions(sequence_attributions=tuple(saved[place] for place in places), provenance=saved.provenance)
    return saved.at(chosen(ids_of(saved), wanted, limit))


def ids_of(saved: Run | Attributions) -> list[str | None]:
    """The ids of all examples; of a run its index tells them."""
    return [one.id for one in (saved.summaries if isinstance(saved, Run) else saved)]


def require_examples(results: Sized, path: str | Path) -> None:
    """Refuse what has nothing to show, draw or measure: a run of which nothing is done yet, or where all failed.

    Raises:
        UsageError: There is no example.
    """
    if not len(results):
        raise UsageError(
            f"{path} holds no example.\nGive a saved file or run with at least one; `wherefrom info` says what is in "
            "this one."
        )


def chosen(
    ids: Sequence[str | None], wanted: Sequence[str], limit: int | None, failed: Mapping[str | None, str] | None = None
) -> list[int]:
    """Places of the examples that were asked for by id, by number (``#2``) or by place (from 0).

    Where each example has a number of its own as its id, as rows of a data set do, numbers are ids: the place of one
    that is missing would be another example.

    Args:
        failed: Id to reason of examples that have no result.

    Raises:
        UsageError: One is not there, it failed, or an id is that of several.
    """
    if not wanted:
        return list(range(len(ids)))[:limit]
    numbered = len(set(ids)) == len(ids) > 0 and all(one is not None and one.isdecimal() for one in ids)
    places = []
    for name in wanted:
        there = [place for place, one in enumerate(ids) if one == name]
        if len(there) > 1:
            raise UsageError(
                f"{len(there)} examples are called {name!r}.\nGive a number: {', '.join(map(example_mark, there))}."
            )
        if there:
            places += there
        elif (by_number := place_of_mark(name, len(ids))) is not None:
            places.append(by_number)
        elif failed and name in failed:
            raise UsageError(
                f"Example {name!r} has no result, for it failed: {failed[name]}\n"
                "`wherefrom attribute-dataset --retry-failed` tries again."
            )
        elif numbered and name.isdecimal():
            known = ", ".join([*map(str, ids[:5]), *(["..."] if len(ids) > 5 else [])])
            raise UsageError(
                f"There is no example {name!r}.\n"
                f"These go by their ids, which are numbers: give one of {known}, or -1 for the last."
            )
        elif name.removeprefix("-").isdecimal() and -len(ids) <= int(name) < len(ids):
            places.append(int(name) % len(ids))
        else:
            raise UsageError(f"There is no example {name!r}.\n{_what_there_is(ids)}")
    return places[:limit]


def _what_there_is(ids: Sequence[str | None]) -> str:
    """How examples are asked for, with the names of some."""
    if not ids:
        return "There is none at all."
    called = [example_mark(place, one) for place, one in enumerate(ids[:5])]
    known = ", ".join(visible(one) for one in called) + (", ..." if len(ids) > len(called) else "")
    return (
        f"There are {len(ids)}, called {known}. Give an id, a number from #1 to #{len(ids)}, or a place from 0 to "
        f"{len(ids) - 1}."
    )


def some_of(names: Sequence[str]) -> str:
    """The first of many names of examples, and how many more there are."""
    return ", ".join(map(visible, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def say_what_stays(paths: Sequence[str | Path], console: Console) -> None:
    """Tell what of context attributions is not in attributions that are written of them."""
    for path in paths:
        if Path(path).is_file() and is_context_file(path):
            console.warn(
                f"{path} is about a context: its cues and sensitivities go along as scores, its parts as segments. "
                "Citations, support of sentences, significance and what was asked do not: keep the file."
            )


def say_what_failed(run: Run, console: Console) -> None:
    """Tell how many examples of a run failed: they have no result, and are left out of what is made of it."""
    if failed := len(run.failures):
        examples = "1 example failed and is" if failed == 1 else f"{failed} examples failed and are"
        console.note(
            f"note: {run.path}: {examples} left out. `wherefrom attribute-dataset --retry-failed` tries again."
        )


def check_readable(path: str | Path) -> None:
    """Refuse a file that is not there before the work.

    Raises:
        UsageError: It is not, or is a folder.
    """
    if not Path(path).is_file():
        what = "is a folder, not a file" if Path(path).is_dir() else "is not there"
        raise UsageError(f"{str(path)!r} {what}.\nGive a file that exists.")
