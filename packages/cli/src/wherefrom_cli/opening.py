"""Opening saved results: a file of one, a file of many, or the folder of a run."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from pathlib import Path

from wherefrom.context import is_context_file
from wherefrom.errors import UsageError
from wherefrom.files import Run, load, open_run
from wherefrom.files.wire.bytes import file_named
from wherefrom.results.attribution import Attributions

from wherefrom_cli.console import Console


def open_results(
    path: str | Path, wanted: Sequence[str] = (), limit: int | None = None, *, told: Console | None = None
) -> Attributions:
    """What is saved at ``path``, or some of its examples; of a run only those are read.

    Args:
        wanted: Examples by place (from 0; negative counts from the end) or by id; none: all.
        limit: At most so many.
        told: Where it is said that examples of a run failed, unless some are asked for by name.

    Raises:
        UsageError: Nothing is there, or no example of that place or id.
        FileFormatError: It is damaged, foreign or newer than we are.
    """
    if not file_named(path).exists():
        raise UsageError(
            f"There is nothing at {str(path)!r}.\nGive a saved file (.json, .jsonl) or the folder of a run."
        )
    if Path(path).is_dir():
        run = open_run(path)
        if told is not None and not wanted:
            say_what_failed(run, told)
        if not wanted and limit is None:
            return run.load()
        places = chosen([summary.id for summary in run.summaries], wanted, limit)
        return Attributions(sequence_attributions=tuple(run[place] for place in places), provenance=run.provenance)
    out = load(path)
    places = chosen([one.id for one in out], wanted, limit)
    return out.at(places)


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


def chosen(ids: Sequence[str | None], wanted: Sequence[str], limit: int | None) -> list[int]:
    """Places of the examples that were asked for by place or id.

    Raises:
        UsageError: One is not there, or an id is that of several.
    """
    if not wanted:
        return list(range(len(ids)))[:limit]
    places = []
    for name in wanted:
        there = [place for place, one in enumerate(ids) if one == name]
        if len(there) > 1:
            raise UsageError(f"{len(there)} examples are called {name!r}.\nGive a place: {', '.join(map(str, there))}.")
        if there:
            places += there
        elif name.removeprefix("-").isdecimal() and -len(ids) <= int(name) < len(ids):
            places.append(int(name) % len(ids))
        else:
            raise UsageError(
                f"There is no example {name!r}.\nThere are {len(ids)}: give a place from 0 to {len(ids) - 1}, or an id."
            )
    return places[:limit]


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
