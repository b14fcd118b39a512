"""Opening several saved results that are to be set side by side: the same examples of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wherefrom.errors import UsageError
from wherefrom.files import Run
from wherefrom.questions.numbering import example_mark
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.partners import as_called, matched, named_apart

from wherefrom_cli.console import Console
from wherefrom_cli.opening import chosen, ids_of, open_saved, say_what_failed


def open_side_by_side(
    paths: Sequence[str], wanted: Sequence[str], limit: int | None, *, told: Console
) -> list[Attributions]:
    """What is saved at each path, or some of its examples: the same of all, whatever their order.

    Examples are the same as `wherefrom.results.partners.matched` pairs them. Without a wish for some, all of each are
    given, also those that others lack; damaged ones of a run are left out with a warning.

    Args:
        wanted: Examples by place in the first (from 0; negative counts from the end) or by id; none: all.
        limit: At most so many, of those that all have.
        told: Where it is said that examples of a run failed, unless some are asked for.

    Raises:
        UsageError: Nothing is at a path, it lacks an example that is asked for, or some are asked for of results that
            have none in common.
        FileFormatError: An example of a run that is asked for is damaged.
    """
    saved = [open_saved(path) for path in paths]
    sides = as_called(*map(ids_of, saved))
    if not wanted:
        for one in saved:
            if isinstance(one, Run):
                say_what_failed(one, told)
    some = bool(wanted) or limit is not None
    rows = _rows(saved, sides, paths, wanted)[:limit]
    if some and not rows and len(saved) > 1:
        raise UsageError(
            f"{' and '.join(paths)} have no example in common.\n"
            "They are paired by id, or by place where one has no ids."
        )
    places = [[row[side] for row in rows] if some else [*range(len(ids))] for side, ids in enumerate(sides)]
    read = [_read(one, there, strict=bool(wanted)) for one, there in zip(saved, places, strict=True)]
    if not named_apart(*sides):  # what one lost would give others its place
        for row in rows:
            if not all(place in found for place, found in zip(row, read, strict=True)):
                for place, found in zip(row, read, strict=True):
                    found.pop(place, None)
    left = [[place for place in there if place in found] for there, found in zip(places, read, strict=True)]
    return [
        _called(_only(one, [found[place] for place in there]), [ids[place] for place in there])
        for one, there, found, ids in zip(saved, left, read, sides, strict=True)
    ]


def _rows(
    saved: Sequence[Run | Attributions],
    sides: Sequence[Sequence[str | None]],
    paths: Sequence[str],
    wanted: Sequence[str],
) -> list[tuple[int, ...]]:
    """The places of one example in each, for those that all have.

    Raises:
        UsageError: One that is asked for is not there, or has no partner.
    """
    first, *others = sides
    partners = [dict(matched(first, ids)) for ids in others]
    rows = []
    for place in chosen(first, wanted, None, _failures(saved[0])):
        lacking = [number for number, found in enumerate(partners, start=1) if place not in found]
        if not lacking:
            rows.append((place, *(found[place] for found in partners)))
        elif wanted:
            name, reason = first[place], _failures(saved[lacking[0]]).get(first[place])
            raise UsageError(
                f"There is no example {example_mark(place) if name is None else repr(name)} in {paths[lacking[0]]}"
                f"{f', for it failed there: {reason}' if reason else '.'}\n"
                "Examples are paired by id, or by place where one of the two has no ids."
            )
    return rows


def _failures(saved: Run | Attributions) -> Mapping[str | None, str]:
    return saved.failures if isinstance(saved, Run) else {}


def _read(saved: Run | Attributions, places: Sequence[int], *, strict: bool) -> dict[int, Attribution]:
    """The examples at some places; damaged ones of a run are left out with a warning.

    Raises:
        FileFormatError: One is damaged, if ``strict``.
    """
    if isinstance(saved, Run) and not strict:
        return {place: one for place in places for one in saved[place : place + 1].load().sequence_attributions}
    examples = saved if isinstance(saved, Run) else saved.sequence_attributions
    return {place: examples[place] for place in places}


def _only(saved: Run | Attributions, examples: Sequence[Attribution]) -> Attributions:
    """What was read of it, as one result."""
    if isinstance(saved, Run):
        return Attributions(sequence_attributions=tuple(examples), provenance=saved.provenance)
    return saved.replace(sequence_attributions=tuple(examples))


def _called(some: Attributions, names: Sequence[str | None]) -> Attributions:
    """The same, each example by the name that pairs it: of what has no ids, places are told apart by it."""
    examples = tuple(one.replace(id=name) for one, name in zip(some, names, strict=True))
    return some.replace(sequence_attributions=examples)
