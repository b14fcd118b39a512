"""Opening several saved results that are to be set side by side: the same examples of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wherefrom.errors import UsageError
from wherefrom.files import open_run
from wherefrom.results.attribution import Attributions
from wherefrom.results.partners import named_apart

from wherefrom_cli.console import Console
from wherefrom_cli.opening import chosen, open_results, say_what_failed


def open_side_by_side(
    paths: Sequence[str], wanted: Sequence[str], limit: int | None, *, told: Console
) -> list[Attributions]:
    """What is saved at each path, or some of its examples: the same of all, whatever their order.

    Examples are known by id where each has one of its own, else by place. Without a wish for some, all of each are
    given, also those that others lack.

    Args:
        wanted: Examples by place in the first (from 0; negative counts from the end) or by id; none: all.
        limit: At most so many, of those that all have.
        told: Where it is said that examples of a run failed, unless some are asked for.

    Raises:
        UsageError: Nothing is at a path, it lacks an example that is asked for, or they have none in common.
    """
    if wanted or limit is not None:
        first, *others = sides = [_ids(path) for path in paths]
        if others and named_apart(*sides):
            failed = open_run(paths[0]).failures if Path(paths[0]).is_dir() else None
            names = [str(first[place]) for place in chosen(first, wanted, None, failed)]
            if not wanted:
                names = [name for name in names if all(name in ids for ids in others)]
            if not names:
                raise UsageError(
                    f"{' and '.join(paths)} have no example in common.\nThey are paired by id, or by place where they "
                    "have none."
                )
            for path in paths:
                if not wanted and Path(path).is_dir():
                    say_what_failed(open_run(path), told)
            return [open_results(path, names[:limit]) for path in paths]
    return [open_results(path, wanted, limit, told=told) for path in paths]


def _ids(path: str) -> list[str | None]:
    """Of a run its index tells them."""
    if Path(path).is_dir():
        return [summary.id for summary in open_run(path).summaries]
    return [one.id for one in open_results(path)]
