"""Opening several saved results that are to be set side by side: the same examples of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wherefrom.errors import UsageError
from wherefrom.files import Run
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.partners import as_called, named_apart

from wherefrom_cli.console import Console
from wherefrom_cli.opening import chosen, ids_of, open_saved, say_what_failed, taken


def open_side_by_side(
    paths: Sequence[str], wanted: Sequence[str], limit: int | None, *, told: Console
) -> list[Attributions]:
    """What is saved at each path, or some of its examples: the same of all, whatever their order.

    Examples are known by id where each has one of its own, else by place. Without a wish for some, all of each are
    given, also those that others lack; damaged ones of a run are left out with a warning.

    Args:
        wanted: Examples by place in the first (from 0; negative counts from the end) or by id; none: all.
        limit: At most so many, of those that all have.
        told: Where it is said that examples of a run failed, unless some are asked for.

    Raises:
        UsageError: Nothing is at a path, it lacks an example that is asked for, or they have none in common.
        FileFormatError: An example of a run that is asked for is damaged.
    """
    saved = [open_saved(path) for path in paths]
    sides = as_called(*map(ids_of, saved))
    by_id = len(sides) > 1 and named_apart(*sides)
    asked = [*wanted]
    if by_id and (wanted or limit is not None):
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
    if wanted:
        some = [taken(one, asked, limit) for one in saved]
        return [_called(one, asked) for one in some] if by_id else some
    for one in saved:
        if isinstance(one, Run):
            say_what_failed(one, told)
    places = [[ids.index(name) for name in asked] if asked else [*range(len(ids))][:limit] for ids in sides]
    read = [_read(one, there) for one, there in zip(saved, places, strict=True)]
    if not by_id:  # what one lost, the others have without a partner
        lost = {place for there, found in zip(places, read, strict=True) for place in there if place not in found}
        read = [{place: one for place, one in found.items() if place not in lost} for found in read]
    return [
        _called(_only(one, found), [str(ids[place]) for place in found]) if by_id else _only(one, found)
        for one, found, ids in zip(saved, read, sides, strict=True)
    ]


def _read(saved: Run | Attributions, places: Sequence[int]) -> dict[int, Attribution]:
    """The examples at some places; damaged ones of a run are left out with a warning."""
    if isinstance(saved, Run):
        return {place: one for place in places for one in saved[place : place + 1].load().sequence_attributions}
    return {place: saved.sequence_attributions[place] for place in places}


def _only(saved: Run | Attributions, found: Mapping[int, Attribution]) -> Attributions:
    """What was read of it, as one result."""
    if isinstance(saved, Run):
        return Attributions(sequence_attributions=tuple(found.values()), provenance=saved.provenance)
    return saved.at([*found])


def _called(some: Attributions, names: Sequence[str]) -> Attributions:
    """The same, each example by the name that it was asked for: of what has no ids, places are told apart by it."""
    examples = tuple(one.replace(id=name) for one, name in zip(some, names, strict=True))
    return some.replace(sequence_attributions=examples)
