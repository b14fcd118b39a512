"""Combine two attributions of like texts, unit by unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import msgspec
import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from wherefrom.errors import InputError, SettingsError
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators._record import recorded
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import NOT_MERGED, merge_spans, several, step_rule
from wherefrom.results.alignment import aligned_sides, within
from wherefrom.results.breaks import answers_begin
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.details import carried, of_both, of_steps, without_steps
from wherefrom.results.direction import direction_of_both, without_direction
from wherefrom.results.measured import CHECKED
from wherefrom.results.stages import Stage
from wherefrom.text.carrying import carrying
from wherefrom.text.common_units import Aligned
from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Segment, Token

_COMBINATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "difference": lambda a, b: a - b,
    "sum": lambda a, b: a + b,
    "mean": lambda a, b: (a + b) / 2,
    "first": lambda a, b: a,
    "second": lambda a, b: b,
}
_ONE_ALONE = ("first", "second")
"""Combinations that are the scores of one run."""
_LINEAR = {"sum", "mean"}
"""Functions that give the same before a difference and after it."""
_Common: TypeAlias = tuple[Sequence[Aligned], Sequence[Token]]
"""What corresponds on a side, and the units that it is shown as."""


def _known_combination(instance: Any, attribute: attrs.Attribute[str], name: str) -> None:
    if name not in _COMBINATIONS:
        raise SettingsError(f"combine = {name!r}. Choose one of {', '.join(_COMBINATIONS)}.")


@aggregator("pair")
@frozen(kw_only=True, eq=False)
class Pair(Aggregator):
    """This attribution minus another one; ``a - b`` is short for it.

    Tokens are aligned as `wherefrom.text.common_units` says: by their characters where both have the same text, by the
    shortest edit script where texts differ, prompts with prompts and answers with answers. Where boundaries disagree,
    the tokens between two common boundaries become one unit. What only one side has is compared with nothing: its score
    is kept (or negated), its text is shown with an arrow from or to ``∅``. Steps that either side did not explain, or
    not as a whole, are left out.

    What was measured of one run (a check, standard errors, completeness gaps) is told of that run's scores alone: it
    stays with ``"first"`` and ``"second"``, and neither a sum nor a difference has it. Differences of step scores whose
    own function is neither ``sum`` nor ``mean`` are those of single steps: merge both sides first for those of units.
    """

    paired_attr: Any
    """The `Attribution` to compare with."""
    combine: str = field(default="difference", validator=_known_combination)
    """``"difference"`` (this minus the other), ``"sum"``, ``"mean"``; ``"first"`` or ``"second"``: one side's scores as
    they are, on the units of both."""
    aggregate_fn: str = field(default="sum", validator=known_function)
    """How scores of tokens that become one unit are combined, on either side."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        other = self.paired_attr
        if not isinstance(other, AttributionData):
            raise SettingsError(f"paired_attr = {other!r} is no attribution.")
        return self.combined(attribution, aligned_sides(attribution, other))

    def combined(self, attribution: AnyAttribution, aligned: Mapping[str, Sequence[Aligned]]) -> AnyAttribution:
        """The two on parts that were aligned before (`wherefrom.results.alignment.aligned_sides`)."""
        other = self.paired_attr
        _check_alike(attribution, other)
        source, target = aligned["source"], aligned["target"]
        boundary = answers_begin(attribution, other)
        tokens = paired_tokens(attribution.target, other.target, target)
        source_tokens = paired_tokens(attribution.source, other.source, source)
        common = {"source": (source, source_tokens), "target": (target, tokens)}
        one, two = self._side(attribution, common, 0), self._side(other, common, 1)
        first, last = max(one.start, two.start), min(one.end, two.end)
        if first >= last:
            raise InputError("The two attributions have no explained step in common.")
        how = _COMBINATIONS[self.combine]
        stage = Stage(
            name=self.identifier,
            settings={"combine": self.combine, "with": other.id or other.method, "aggregate_fn": self.aggregate_fn},
        )
        changes: dict[str, Any] = {
            "source": source_tokens if boundary is None else tokens[: _before(boundary, target)],
            "target": tokens,
            "attr_pos_start": first,
            "attr_pos_end": last,
            "source_attributions": _combined(how, one.source, two.source, first, last),
            "target_attributions": _combined(how, one.target, two.target, first, last),
            "sequence_scores": {
                key: how(scores, two.sequence[key])
                for key, scores in one.sequence.items()
                if key in two.sequence and scores.shape == two.sequence[key].shape
            },
        }
        if self.combine in _ONE_ALONE:
            second = self.combine == "second"
            attribution, half = (self.paired_attr, two) if second else (attribution, one)
            changes |= {
                "step_scores": {key: scores[first:last] for key, scores in half.steps.items()},
                "segments": half.segments,
                "details": half.details(first, last),
            }
        else:
            both = [key for key in one.steps if key in two.steps and key not in CHECKED]
            changes |= {
                "signed": True,
                "step_scores": {key: how(one.steps[key][first:last], two.steps[key][first:last]) for key in both},
                "step_aggregation": {key: _rule_of_both(attribution, other, key) for key in both},
                "segments": one.segments,
                "details": without_direction(of_both(one.details(first, last), two.details(first, last)))
                | direction_of_both(attribution, other),
            }
        return recorded(attribution, stage, **changes)

    def _side(self, attribution: AttributionData, common: Mapping[str, _Common], side: int) -> _Spread:
        """One of the two attributions on the common units."""
        groups = {name: [pair[side] for pair in aligned] for name, (aligned, _) in common.items()}
        merged = merge_spans(
            attribution,
            several(groups["source"]),
            several(groups["target"]),
            self.aggregate_fn,
            self,
        )
        rows, places = (
            [index for index, (start, end) in enumerate(groups[name]) if end > start] for name in ("source", "target")
        )
        columns = places[merged.attr_pos_start : merged.attr_pos_end]
        explained = attribution.attr_pos_start, attribution.attr_pos_end
        whole = [unit for unit in columns if within(explained, groups["target"][unit])]
        shape = (len(groups["source"]), len(groups["target"]))
        complete = len(rows) == shape[0] and len(places) == shape[1]
        carriers = {
            name: carrying(tokens, groups[name], common[name][1])
            for name, tokens in (("source", attribution.source), ("target", attribution.target))
        }
        carried_segments = (carriers[segment.side].segment(segment) for segment in attribution.segments)
        return _Spread(
            start=whole[0] if whole else 0,
            end=whole[-1] + 1 if whole else 0,
            source=_spread(merged.source_attributions, rows, columns, shape),
            target=_spread(merged.target_attributions, places, columns, (shape[1], shape[1])),
            steps={
                key: _spread_steps(scores, columns, shape[1], np.nan if key in CHECKED else 0.0)
                for key, scores in merged.step_scores.items()
            },
            sequence=dict(merged.sequence_scores) if complete else {},
            segments=tuple(segment for segment in carried_segments if segment is not None),
            columns=columns,
            own_details=carried(merged.details, carriers),
        )


@frozen(kw_only=True, eq=False)
class _Spread:
    """One side's scores, with a row and a column for every common unit."""

    start: int
    """The first common unit that it explains as a whole."""
    end: int
    """Behind the last of them."""
    source: npt.NDArray[Any] | None
    target: npt.NDArray[Any] | None
    steps: dict[str, npt.NDArray[Any]]
    sequence: dict[str, npt.NDArray[Any]]
    segments: tuple[Segment, ...]
    """At the positions of the common units."""
    columns: list[int]
    """The common units that its steps are."""
    own_details: dict[str, Any]
    """Of all its steps, at the positions of the common units."""

    def details(self, first: int, last: int) -> dict[str, Any]:
        """Of the steps from one common unit to another."""
        known = {unit: index for index, unit in enumerate(self.columns)}
        if any(unit not in known for unit in range(first, last)):
            return without_steps(self.own_details)
        groups = [(known[unit], known[unit] + 1) for unit in range(first, last)]
        return of_steps(self.own_details, len(self.columns), groups, np.asarray)


def paired_tokens(one: Sequence[Token], other: Sequence[Token], aligned: Sequence[Aligned]) -> tuple[Token, ...]:
    """The unit that each aligned part is shown as: ``he → she`` where texts differ."""
    if len(aligned) == len(one) and all(token.text == twin.text for token, twin in zip(one, other, strict=False)):
        return tuple(one)
    tokens = []
    position = 0
    for (a, b), (c, d) in aligned:
        sides = [merged_token(part) if part else None for part in (one[a:b], other[c:d])]
        first, second = sides
        known = first or second
        assert known is not None  # a part never pairs nothing with nothing
        size = max(token.size for token in sides if token is not None)
        if first is not None and second is not None and first.text == second.text:
            token = first
        else:
            pieces = [("∅", "∅") if side is None else (side.piece, side.text) for side in sides]
            token = Token(
                id=-1,
                piece=f"{pieces[0][0]} → {pieces[1][0]}",
                text=f"{pieces[0][1]} → {pieces[1][1]}",
                position=position,
                special=known.special,
                start=None if first is None else first.start,
                end=None if first is None else first.end,
            )
        tokens.append(msgspec.structs.replace(token, position=position, size=size))
        position += size
    return tuple(tokens)


def _rule_of_both(one: AttributionData, other: AttributionData, key: str) -> str:
    """How a sum or difference of step scores merges over spans: as both do, if what is merged is then the sum or
    difference of what was."""
    rules = {step_rule(half, key) for half in (one, other)}
    return rules.pop() if len(rules) == 1 and rules <= _LINEAR else NOT_MERGED


def _before(boundary: tuple[int, int], aligned: Sequence[Aligned]) -> int:
    """How many aligned parts have a token before the boundary on either side."""
    return sum(a < boundary[0] or c < boundary[1] for (a, _), (c, _) in aligned)


def _check_alike(one: AttributionData, other: AttributionData) -> None:
    """Raises: InputError: The two have different dimensions or sides."""
    if one.dimensions != other.dimensions:
        raise InputError(
            f"The attributions have different dimensions: {one.dimensions!r} and {other.dimensions!r}. "
            "Aggregate both first: a.aggregate() - b.aggregate()."
        )
    for name in ("source_attributions", "target_attributions"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if (mine is None) != (theirs is None):
            raise InputError(f"Only one of the attributions has {name}. Attribute both with the same attribute_target.")
        if mine is not None and mine.shape[2:] != theirs.shape[2:]:
            raise InputError(
                f"{name}: dimensions of sizes {mine.shape[2:]} and {theirs.shape[2:]} do not pair. "
                "Aggregate both first: a.aggregate() - b.aggregate()."
            )


def _spread(
    scores: npt.NDArray[Any] | None, rows: list[int], columns: list[int], shape: tuple[int, int]
) -> npt.NDArray[Any] | None:
    if scores is None:
        return None
    full = np.zeros((*shape, *scores.shape[2:]), dtype=np.result_type(scores.dtype, np.float32))
    full[np.ix_(rows, columns)] = scores
    return full


def _spread_steps(scores: npt.NDArray[Any], columns: list[int], count: int, absent: float) -> npt.NDArray[Any]:
    full = np.full(count, absent, dtype=np.result_type(scores.dtype, np.float32))
    full[columns] = scores
    return full


def _combined(how: Callable[[Any, Any], Any], one: Any, other: Any, first: int, last: int) -> npt.NDArray[Any] | None:
    return None if one is None else np.asarray(how(one[:, first:last], other[:, first:last]))
