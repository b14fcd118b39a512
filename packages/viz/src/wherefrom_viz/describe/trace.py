"""A traced answer in words and numbers: mass by part and hop, and the sentences it went through."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from wherefrom.results.attribution import Attribution
from wherefrom.results.data import TRACE
from wherefrom.results.parts import PartShares, path_of, shares_by_part

from wherefrom_viz.describe import text_marks


@frozen(kw_only=True)
class TraceRow:
    """One line of a table."""

    label: str
    values: tuple[float, ...]
    """Shares, one per column of the table."""


@frozen(kw_only=True)
class TraceTable:
    """Shares by row and hop."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[TraceRow, ...]


@frozen(kw_only=True)
class TraceDescription:
    """What there is to tell of a trace beside its matrix."""

    headline: str
    """The span, and how much of it arrived."""
    tables: tuple[TraceTable, ...]


def describe_trace(attribution: Attribution) -> TraceDescription | None:
    """Tables of a traced result; None for others."""
    facts = attribution.details.get(TRACE)
    if facts is None:
        return None
    columns = tuple(token.text.strip() for token in attribution.steps)
    by_part, by_role = shares_by_part(attribution), shares_by_part(attribution, by_role=True)
    tables = [_parts("Mass by part", columns, by_part)]
    if len(by_role) < len(by_part):
        tables.append(_parts("Mass by role", columns, by_role))
    stops = path_of(attribution)
    if stops:
        rows = [
            TraceRow(label=text_marks.visible(stop.text), values=(*map(float, stop.waiting), stop.visits))
            for stop in stops
        ]
        path = TraceTable(
            title="By way of (mass waiting there, and passed on in all)",
            columns=(*columns, "passed on"),
            rows=tuple(rows),
        )
        tables.append(path)
    arrived = [f"{mass:.0%}" for mass in facts["arrived"][:8]]
    headline = (
        f"Traced from {text_marks.flowing(facts['span'])!r}: arrived with 0, 1, ... hops "
        f"{', '.join(arrived)}; still on its way {facts['missing']:.0%}"
    )
    if facts["lost"] > 0.005:
        headline += f"; lost at steps that read nothing {facts['lost']:.0%}"
    return TraceDescription(headline=headline + ".", tables=tuple(tables))


def _parts(title: str, columns: tuple[str, ...], parts: Sequence[PartShares]) -> TraceTable:
    rows = [TraceRow(label=text_marks.visible(part.label), values=tuple(map(float, part.shares))) for part in parts]
    return TraceTable(title=title, columns=columns, rows=tuple(rows))
