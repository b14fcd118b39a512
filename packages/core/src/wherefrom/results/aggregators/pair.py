"""Combine two attributions of like texts, unit by unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from wherefrom.errors import InputError, SettingsError
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators._record import recorded
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import merge_spans
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.stages import Stage
from wherefrom.text.common_units import Aligned, aligned_units
from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Token

_COMBINATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "difference": lambda a, b: a - b,
    "sum": lambda a, b: a + b,
    "mean": lambda a, b: (a + b) / 2,
    "first": lambda a, b: a,
    "second": lambda a, b: b,
}


def _known_combination(instance: Any, attribute: attrs.Attribute[str], name: str) -> None:
    if name not in _COMBINATIONS:
        raise SettingsError(f"combine = {name!r}. Choose one of {', '.join(_COMBINATIONS)}.")


@aggregator("pair")
@frozen(kw_only=True, eq=False)
class Pair(Aggregator):
    """This attribution minus another one; ``a - b`` is short for it.

    Tokens are aligned as `wherefrom.text.common_units` says: by their characters where both have the same text, by the
    shortest edit script where texts differ. Where boundaries disagree, the tokens between two common boundaries become
    one unit. What only one side has is compared with nothing: its score is kept (or negated), its text is shown with an
    arrow from or to ``∅``. Steps that either side did not explain are left out.
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
        _check_alike(attribution, other)
        source = aligned_units(attribution.source, other.source)
        target = aligned_units(attribution.target, other.target)
        one = self._side(attribution, source, target, 0)
        two = self._side(other, source, target, 1)
        first, last = max(one.start, two.start), min(one.end, two.end)
        if first >= last:
            raise InputError("The two attributions have no explained step in common.")
        how = _COMBINATIONS[self.combine]
        stage = Stage(
            name=self.identifier,
            settings={"combine": self.combine, "with": other.id or other.method, "aggregate_fn": self.aggregate_fn},
        )
        tokens = paired_tokens(attribution.target, other.target, target)
        source_tokens = paired_tokens(attribution.source, other.source, source)
        changes: dict[str, Any] = {
            "source": source_tokens if attribution.source_attributions is not None else tokens[: len(source)],
            "target": tokens,
            "attr_pos_start": first,
            "attr_pos_end": last,
            "source_attributions": _combined(how, one.source, two.source, first, last),
            "target_attributions": _combined(how, one.target, two.target, first, last),
            "step_scores": {
                key: how(one.steps[key][first:last], two.steps[key][first:last])
                for key in one.steps
                if key in two.steps
            },
            "sequence_scores": {
                key: how(scores, two.sequence[key])
                for key, scores in one.sequence.items()
                if key in two.sequence and scores.shape == two.sequence[key].shape
            },
            "signed": True,
        }
        return recorded(attribution, stage, **changes)

    def _side(
        self, attribution: AttributionData, source: Sequence[Aligned], target: Sequence[Aligned], side: int
    ) -> _Spread:
        """One of the two attributions on the common units."""
        merged = merge_spans(
            attribution,
            [pair[side] for pair in source if pair[side][1] - pair[side][0] > 1],
            [pair[side] for pair in target if pair[side][1] - pair[side][0] > 1],
            self.aggregate_fn,
            self,
        )
        rows = [index for index, pair in enumerate(source) if pair[side][1] > pair[side][0]]
        places = [index for index, pair in enumerate(target) if pair[side][1] > pair[side][0]]
        columns = places[merged.attr_pos_start : merged.attr_pos_end]
        complete = len(rows) == len(source) and len(places) == len(target)
        return _Spread(
            start=columns[0] if columns else 0,
            end=columns[-1] + 1 if columns else 0,
            source=_spread(merged.source_attributions, rows, columns, (len(source), len(target))),
            target=_spread(merged.target_attributions, places, columns, (len(target), len(target))),
            steps={key: _spread_steps(scores, columns, len(target)) for key, scores in merged.step_scores.items()},
            sequence=dict(merged.sequence_scores) if complete else {},
        )


@frozen(kw_only=True, eq=False)
class _Spread:
    """One side's scores, with a row and a column for every common unit."""

    start: int
    end: int
    source: npt.NDArray[Any] | None
    target: npt.NDArray[Any] | None
    steps: dict[str, npt.NDArray[Any]]
    sequence: dict[str, npt.NDArray[Any]]


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
        tokens.append(
            Token(
                id=token.id,
                piece=token.piece,
                text=token.text,
                position=position,
                size=size,
                start=token.start,
                end=token.end,
                special=token.special,
                word=token.word,
            )
        )
        position += size
    return tuple(tokens)


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
    full = np.zeros((*shape, *scores.shape[2:]), dtype=scores.dtype)
    full[np.ix_(rows, columns)] = scores
    return full


def _spread_steps(scores: npt.NDArray[Any], columns: list[int], count: int) -> npt.NDArray[Any]:
    full = np.zeros(count, dtype=np.result_type(scores.dtype, np.float32))
    full[columns] = scores
    return full


def _combined(how: Callable[[Any, Any], Any], one: Any, other: Any, first: int, last: int) -> npt.NDArray[Any] | None:
    return None if one is None else np.asarray(how(one[:, first:last], other[:, first:last]))
