"""Opening several saved results that are to be set side by side: the same examples of each."""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.errors import UsageError
from wherefrom.files import Run
from wherefrom.results.attribution import Attributions
from wherefrom.results.partners import as_called, named_apart

from wherefrom_cli.console import Console
from wherefrom_cli.opening import chosen, ids_of, open_saved, say_what_failed, taken


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
    saved = [open_saved(path) for path in paths]
    asked = list(wanted)
    sides = as_called(*map(ids_of, saved)) if wanted or limit is not None else []
    by_id = len(sides) > 1 and named_apart(*sides)
    if by_id:
        first, *others = sides
        failed = saved[0].failures if isinstance(saved[0], Run) else None
        names = [str(first[place]) for place in chosen(first, wanted, None, failed)]
        if not wanted:
            names = [name for name in names if all(name in ids for ids in others)]
        if not names:
            raise UsageError(
                f"{' and '.join(paths)} have no example in common.\nThey are paired by id, or by place where they "
                "have none."
            )
        asked, limit = names[:limit], None
    for one in saved:
        if isinstance(one, Run) and not wanted:
            say_what_failed(one, told)
    some = [taken(one, asked, limit) for one in saved]
    return [_called(one, asked) for one in some] if by_id else some


def _called(some: Attributions, names: Sequence[str]) -> Attributions:
    """The same, each example by the name that it was asked for: of what has no ids, places are told apart by it."""
    examples = tuple(one.replace(id=name) for one, name in zip(some, names, strict=True))
    return some.replace(sequence_attributions=examples)
