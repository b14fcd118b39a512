"""Pairs of units that interact, as a result carries them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from attrs import frozen

from wherefrom.errors import InputError
from wherefrom.results.data import AttributionData
from wherefrom.settings import check_call

DETAIL = "interactions"
"""Name of the pairs among a result's details."""


class PairedUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of tokens that is a member of pairs."""

    side: Literal["source", "target"]
    start: int
    """First position."""
    end: int
    """Position after the last."""
    text: str


class PairTable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What pairs of units are worth together beyond what each is, for every output. In units of the target function, or
    of the shares that the result's scores were made."""

    index: str
    """``"fbii"`` or ``"fsii"``."""
    units: tuple[PairedUnit, ...]
    alone: list[list[float]]
    """What each unit is worth where its pairs have theirs, ``(units, outputs)``."""
    pairs: list[tuple[int, int]]
    """Indices into ``units``."""
    scores: list[list[float]]
    """``(pairs, outputs)``."""
    among: int
    """Pairs were fitted among so many units."""
    standard_error: list[list[float]] | None = None
    """Shape as ``scores``; None where nothing was drawn."""
    low: list[list[float]] | None = None
    """Lower bounds of intervals."""
    high: list[list[float]] | None = None
    level: float | None = None
    """Probability mass of the intervals."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


@frozen(kw_only=True)
class UnitPair:
    """Two units and what they are worth together beyond what each is."""

    first: PairedUnit
    second: PairedUnit
    score: float
    """Above 0: they matter together. Below 0: one does for the other."""
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        error = "" if self.standard_error is None else f" ± {self.standard_error:.3g}"
        return f"{self.score:+.4g}{error}  {self.first.text!r} × {self.second.text!r}"


def pair_table(attribution: AttributionData) -> PairTable | None:
    """The pairs of a result; None if its method found none.

    Raises:
        InputError: What the result carries is no table of pairs.
    """
    found = attribution.details.get(DETAIL)
    if found is None:
        return None
    try:
        table = msgspec.convert(found, PairTable)
    except msgspec.ValidationError as error:
        raise InputError(f"The pairs in this result's details cannot be read: {error}.") from error
    outputs = {len(row) for row in (*table.scores, *(table.standard_error or ()))}
    count = len(table.units)
    if len(table.scores) != len(table.pairs) or len(outputs) > 1:
        raise InputError("The pairs in this result's details cannot be read: scores and pairs are of different number.")
    if any(not 0 <= member < count for pair in table.pairs for member in pair):
        raise InputError(f"The pairs in this result's details name other units than the {count} there are.")
    return table


def top_pairs(attribution: AttributionData, k: int = 5, *, step: int | None = None) -> list[UnitPair]:
    """The ``k`` pairs of largest absolute score.

    Args:
        step: Index of the explained step; None: scores are summed over all, and have no errors where there are several.

    Raises:
        InputError: The method found no pairs, or there is no such step.
        SettingsError: ``k`` is no count.
    """
    check_call(top_pairs, locals(), k=0)
    table = pair_table(attribution)
    if table is None:
        raise InputError(f"{attribution.method or 'This result'} knows no pairs. Ask with method='interactions'.")
    scores = np.array(table.scores, dtype=np.float64).reshape(len(table.pairs), -1)
    outputs = scores.shape[1]
    if step is not None and not -outputs <= step < outputs:
        raise InputError(f"There is no step {step}; {outputs} were explained.")
    chosen = step if step is not None else (0 if outputs == 1 else None)
    column = scores.sum(axis=1) if chosen is None else scores[:, chosen]
    order = np.argsort(-np.abs(column), kind="stable")[:k]

    def of(part: list[list[float]] | None, row: int) -> float | None:
        return None if part is None or chosen is None else part[row][chosen]

    return [
        UnitPair(
            first=table.units[table.pairs[row][0]],
            second=table.units[table.pairs[row][1]],
            score=float(column[row]),
            standard_error=of(table.standard_error, row),
            low=of(table.low, row),
            high=of(table.high, row),
        )
        for row in order
    ]
