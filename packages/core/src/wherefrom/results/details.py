"""What becomes of a result's details when its steps are chosen or merged, its inputs left out, its tokens renumbered.

A method tells of its work step by step, unit by unit, position by position. Whoever changes steps or tokens asks here,
and a detail that has no meaning for what comes out is left out rather than kept as it was. Details that are not known
here (settings, seeds, counts, those of other packages) stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from wherefrom.results.data import TRACE
from wherefrom.results.pairs import DETAIL as PAIRS
from wherefrom.results.pairs import PairTable
from wherefrom.text.carrying import Carrying
from wherefrom.text.merging import Span
from wherefrom.text.tokens import Token

BY_STEP = ("completeness_gap", "points", "stopped", "largest_score")
"""Lists with an entry per step; one number where all steps have the same."""
BY_ROW = ("standard_error", "confidence")
"""Rows with an entry per step: of units in the order of `UNITS`, or, by side, of its tokens. Intervals are a mapping
with such rows as ``low`` and ``high``."""
UNITS, WHOLE = "units", "left_whole"
"""Positions of units: side to ``[start, end]``, and ``[side, start, end]``."""
SELECTED = "context_sensitive"
"""Indices of steps."""
CONTRAST = "contrast"
"""What steps were compared with, by their positions."""
OF_SCORES = ("completeness_gap", "largest_score", *BY_ROW, PAIRS, "check")
"""Measured of the scores as the method's default aggregation makes them; see `wherefrom.results.measured`."""
OF_ONE_RUN = (*BY_STEP, *BY_ROW, PAIRS, SELECTED, TRACE, "check")
"""Measured of one run: neither the sum nor the difference of two has them."""

Merge: TypeAlias = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
"""Merges the second axis of an array, steps, as scores are merged."""
Stays: TypeAlias = Callable[[str, int, int], bool]
"""Does all stay that lies on a side between two positions?"""


def of_steps(details: Mapping[str, Any], steps: int, groups: Sequence[Span], merge: Merge) -> dict[str, Any]:
    """The details where each group of steps is one.

    What was measured of single steps says nothing of merged ones; pairs of units are scores, and merge as they do.

    Args:
        details: Of a result with ``steps`` steps.
        groups: What each new step was; steps in no group are gone.
        merge: Used where a group has several steps.
    """
    if list(groups) == [(index, index + 1) for index in range(steps)]:
        return dict(details)
    single = all(end - start == 1 for start, end in groups)
    chosen = [start for start, _ in groups]

    def taken(values: Any) -> Any:
        if len(values) != steps:
            raise ValueError(f"{len(values)} entries for {steps} steps")
        return [values[index] for index in chosen]

    def pairs(value: Any) -> Any:
        table = msgspec.convert(value, PairTable)
        errors = {name: getattr(table, name) for name in _PAIR_ERRORS}
        scores = {name: getattr(table, name) for name in ("alone", "scores")}
        if single:
            changed = {
                name: None if part is None else [taken(row) for row in part] for name, part in (scores | errors).items()
            }
        else:
            changed = {
                name: merge(np.array(part, dtype=np.float64).reshape(len(part), steps)).tolist()
                for name, part in scores.items()
            }
            changed |= dict.fromkeys((*errors, "level"))
        return msgspec.structs.replace(table, **changed).to_dict()

    def selected(value: Any) -> Any:
        return [k for k, (start, end) in enumerate(groups) if any(start <= place < end for place in value)]

    ways: dict[str, _Way] = {PAIRS: pairs, SELECTED: selected}
    ways |= dict.fromkeys(BY_STEP, taken if single else _gone)
    ways |= dict.fromkeys(
        BY_ROW, (lambda value: _on_rows(value, lambda rows, _: list(map(taken, rows)))) if single else _gone
    )
    return _changed(details, ways)


def without_steps(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details where columns are no longer the steps they were."""
    return _changed(details, dict.fromkeys((*BY_STEP, *BY_ROW, PAIRS, SELECTED), _gone))


def in_other_units(details: Mapping[str, Any], factors: npt.NDArray[Any]) -> dict[str, Any]:
    """The details where the scores of each step are multiplied by a positive number.

    Args:
        factors: Shape ``(steps,)``.
    """

    def row(values: Any) -> Any:
        if len(values) != len(factors):
            raise ValueError(f"{len(values)} entries for {len(factors)} steps")
        return (np.asarray(values, dtype=np.float64) * factors).tolist()

    def pairs(value: Any) -> Any:
        table = msgspec.convert(value, PairTable)
        parts = {name: getattr(table, name) for name in ("alone", "scores", *_PAIR_ERRORS)}
        changed = {name: None if part is None else list(map(row, part)) for name, part in parts.items()}
        return msgspec.structs.replace(table, **changed).to_dict()

    ways: dict[str, _Way] = {PAIRS: pairs, "largest_score": row}
    ways |= dict.fromkeys(BY_ROW, lambda value: _on_rows(value, lambda rows, _: list(map(row, rows))))
    return _changed(details, ways)


def of_whole(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details that tell of no step, unit or position: what is left where it is not known how those were changed."""
    placed: dict[str, _Way] = dict.fromkeys((UNITS, WHOLE, CONTRAST, TRACE), _gone)
    return _changed(without_steps(details), placed)


def without_tokens(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details where inputs are merged: what was told of units stays, what was told of each token is gone."""
    return _changed(details, dict.fromkeys(BY_ROW, lambda value: None if _by_token(value) else value))


def of_inputs(details: Mapping[str, Any], kept: Mapping[str, Sequence[int]], stays: Stays) -> dict[str, Any]:
    """The details where some inputs are left out.

    Args:
        kept: Side to the indices of those of its tokens that stay.
        stays: A unit that lost a part is told of no more.
    """

    def at_rows(rows: Any, side: str | None) -> Any:
        if side is not None:
            return [rows[index] for index in kept[side]]
        units = [(side, *span) for side, spans in details[UNITS].items() for span in spans]
        return [row for row, unit in zip(rows, units, strict=True) if stays(*unit)]

    def pairs(value: Any) -> Any:
        table = msgspec.convert(value, PairTable)
        there = [stays(unit.side, unit.start, unit.end) for unit in table.units]
        chosen = [index for index, (first, second) in enumerate(table.pairs) if there[first] and there[second]]
        parts = {name: getattr(table, name) for name in ("pairs", "scores", *_PAIR_ERRORS)}
        changed = {name: None if part is None else [part[index] for index in chosen] for name, part in parts.items()}
        return msgspec.structs.replace(table, **changed).to_dict()

    ways: dict[str, _Way] = {
        PAIRS: pairs,
        UNITS: lambda value: {side: [span for span in some if stays(side, *span)] for side, some in value.items()},
        WHOLE: lambda value: [unit for unit in value if stays(*unit)],
    }
    return _changed(details, ways | dict.fromkeys(BY_ROW, lambda value: _on_rows(value, at_rows)))


def pieces_of(details: Mapping[str, Any], tokens: Sequence[Token], side: str) -> list[int] | None:
    """Of each token of a side, the number of the unit whose score it has a share of; those in none are alone.

    None: what was scored is not told, or each token was scored for itself.
    """
    try:
        spans = msgspec.convert(_plain(details.get(UNITS, {})), dict[str, list[tuple[int, int]]])
    except msgspec.ValidationError:  # a detail of another package, which only has the name
        return None
    given = {start: end for start, end in spans.get(side, []) if end - start > 1}
    if not given:
        return None
    pieces: list[int] = []
    end = 0
    for token in tokens:
        if not pieces or token.position >= end:
            end = given.get(token.position, token.position + token.size)
            pieces.append(len(pieces))
        else:
            pieces.append(pieces[-1])
    return pieces


def carried(details: Mapping[str, Any], places: Mapping[str, Carrying]) -> dict[str, Any]:
    """The details where tokens have other positions.

    Args:
        places: Side to where its tokens went.
    """

    def moved(side: str, spans: Any) -> list[list[int]]:
        return [list(to) for start, end in spans if (to := places[side].span(start, end)) is not None]

    def at(place: int) -> int | None:
        to = places["target"].span(place, place + 1)
        return None if to is None else to[0]

    def contrast(value: Any) -> Any:
        steps = [(pair, at(pair["step"])) for pair in value["pairs"]]
        return {**value, "pairs": [{**pair, "step": step} for pair, step in steps if step is not None]}

    def pairs(value: Any) -> Any:
        table = msgspec.convert(value, PairTable)
        units = []
        for unit in table.units:
            ((start, end),) = moved(unit.side, [(unit.start, unit.end)])
            units.append(msgspec.structs.replace(unit, start=start, end=end))
        return msgspec.structs.replace(table, units=tuple(units)).to_dict()

    def trace(facts: Any) -> Any:
        ((first, _),) = moved("target", [(facts["generated_from"], _ENDLESS)])
        visits = [(at(place), share) for place, share in facts["visits"]]
        return {
            **facts,
            "generated_from": first,
            "positions": moved("target", facts["positions"]),
            "visits": [[place, share] for place, share in visits if place is not None],
        }

    ways: dict[str, _Way] = {
        CONTRAST: contrast,
        PAIRS: pairs,
        TRACE: trace,
        UNITS: lambda value: {side: moved(side, spans) for side, spans in value.items()},
        WHOLE: lambda value: [[side, *to] for side, *span in value for to in moved(side, [span])],
    }
    return _changed(details, ways)


def of_both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The details of a sum or a difference: what both have alike, and the first one's contrast, unless the other was
    compared with other tokens.

    Columns of a trace are no steps, and were compared with nothing.
    """
    alike = {name: value for name, value in one.items() if name in other and _plain(other[name]) == _plain(value)}
    if CONTRAST in one and _compared(one) == _compared({**one, **other}):
        alike[CONTRAST] = one[CONTRAST]
    traced = TRACE in one or TRACE in other
    left_out = (*OF_ONE_RUN, CONTRAST) if traced else OF_ONE_RUN
    return {name: value for name, value in alike.items() if name not in left_out}


_Way: TypeAlias = Callable[[Any], Any]
_ENDLESS = 2**62
_PAIR_ERRORS = ("standard_error", "low", "high")


def _changed(details: Mapping[str, Any], ways: Mapping[str, _Way]) -> dict[str, Any]:
    """The details, those of some names each in its way; None leaves it out, and so does another form than its name's.

    One value (a count for all steps, a name) tells of no step or token, and stays.
    """
    found: dict[str, Any] = {}
    for name, value in details.items():
        if name in ways and isinstance(value, Sequence | Mapping | np.ndarray) and not isinstance(value, str):
            try:
                value = ways[name](_plain(value))
            except (TypeError, ValueError, LookupError, AttributeError, msgspec.ValidationError):
                continue
            if value is None:
                continue
        found[name] = value
    return found


def _compared(details: Mapping[str, Any]) -> list[Any]:
    """The tokens that steps were compared with."""
    contrast = details[CONTRAST]
    pairs = contrast.get("pairs", []) if isinstance(contrast, Mapping) else []
    return [pair.get("contrast") for pair in pairs if isinstance(pair, Mapping)]


def _gone(value: Any) -> None:
    """Leave a detail out."""


def _on_rows(value: Any, way: Callable[[Any, str | None], Any]) -> Any:
    """Rows changed wherever a detail has them: alone, by side, or as the ends of intervals."""
    if not isinstance(value, Mapping):
        return way(value, None)
    sides = ("source", "target")
    return {
        name: way(part, name if name in sides else None) if isinstance(part, list) else part
        for name, part in value.items()
    }


def _by_token(value: Any) -> bool:
    return isinstance(value, Mapping) and any(side in value for side in ("source", "target"))


def _plain(value: Any) -> Any:
    """Arrays and tuples as lists, so that values compare as a whole."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
